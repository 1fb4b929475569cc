import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, askAll, type Schemas } from "./client";
import { keys } from "./keys";

export type User = Schemas["UserShown"];
export type Role = Schemas["Role"];
export type Invitation = Schemas["Invitation"];
export type Token = Schemas["TokenShown"];
export type OwnSession = Schemas["SessionShown"];

const LIMIT = 200;
const users = ["users"] as const;
const sessions = ["sessions"] as const;
const tokens = ["tokens"] as const;
const writeKeys = ["write-keys"] as const;

const paged = (cursor: string | undefined) => ({ limit: LIMIT, ...(cursor && { cursor }) });

/** A change after which lists are read again. */
function useChange<T, R>(change: (asked: T) => Promise<R>, ...stale: readonly (readonly string[])[]) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: () => Promise.all(stale.map((queryKey) => cache.invalidateQueries({ queryKey }))),
  });
}

// ------------------------------------------------------------------------------------------------- one's own account

/** `mutate({ current, new })`; all other sessions end. */
export function useChangePassword() {
  return useChange(
    (body: Schemas["PasswordAsked"]) => ask(api.PUT("/api/v1/session/password", { body })),
    sessions,
  );
}

/** One's own sessions, the last used first. */
export function useOwnSessions() {
  return useQuery({
    queryKey: sessions,
    queryFn: async () => (await ask(api.GET("/api/v1/sessions"))).items,
  });
}

/** `mutate([id, …])` */
export function useEndSessions() {
  return useChange(async (ids: readonly string[]) => {
    for (const session of ids)
      await ask(api.DELETE("/api/v1/sessions/{session}", { params: { path: { session } } }));
  }, sessions);
}

// ------------------------------------------------------------------------------------------------------------ people

/** All people, by e-mail address. */
export function useUsers() {
  return useQuery({
    queryKey: users,
    queryFn: () => askAll((cursor) => api.GET("/api/v1/users", { params: { query: paged(cursor) } })),
  });
}

/** `mutate({ email, name, role, preview })` → the invitation, shown once. */
export function useInvite() {
  return useChange((body: Schemas["UserAsked"]) => ask(api.POST("/api/v1/users", { body })), users);
}

const one = (id: string) => ({ params: { path: { user_id: id } } });

/** `mutate(id)` → a new invitation; earlier ones are void. */
export function useInviteAgain() {
  return useChange((id: string) => ask(api.POST("/api/v1/users/{user_id}/invitation", one(id))), users);
}

/** `mutate({ id, edit })`; what is left out stays. Owners may change themselves: what they may is asked again. */
export function useEditUser() {
  return useChange(
    ({ id, edit }: { id: string; edit: Schemas["UserEdited"] }) =>
      ask(api.PATCH("/api/v1/users/{user_id}", { ...one(id), body: edit })),
    users,
    keys.session,
  );
}

/** `mutate(id)` */
export function useDeleteUser() {
  return useChange((id: string) => ask(api.DELETE("/api/v1/users/{user_id}", one(id))), users, tokens);
}

/** `mutate(id)`: signs somebody out everywhere. */
export function useSignUserOut() {
  return useChange(
    (id: string) => ask(api.DELETE("/api/v1/users/{user_id}/sessions", one(id))),
    users,
    sessions,
  );
}

// ------------------------------------------------------------------------------------------------------------ tokens

/** One's own API tokens; for owners also those of all. */
export function useTokens(all: boolean) {
  return useQuery({
    queryKey: [...tokens, all],
    queryFn: () =>
      askAll((cursor) =>
        api.GET("/api/v1/tokens", { params: { query: { ...paged(cursor), ...(all && { all }) } } }),
      ),
  });
}

/** `mutate({ name, role, preview, scopes, days })` → the token, shown once. */
export function useCreateToken() {
  return useChange((body: Schemas["TokenAsked"]) => ask(api.POST("/api/v1/tokens", { body })), tokens);
}

/** `mutate(id)` */
export function useDeleteToken() {
  return useChange(
    (id: string) => ask(api.DELETE("/api/v1/tokens/{token_id}", { params: { path: { token_id: id } } })),
    tokens,
  );
}

// -------------------------------------------------------------------------------------------------------- write keys

/** Of all sources that programs send calls to. */
export function useWriteKeys() {
  return useQuery({
    queryKey: writeKeys,
    queryFn: () => askAll((cursor) => api.GET("/api/v1/write-keys", { params: { query: paged(cursor) } })),
  });
}

/** `mutate({ source, name })` → the key, shown once. */
export function useCreateWriteKey() {
  return useChange(
    (body: Schemas["WriteKeyAsked"]) => ask(api.POST("/api/v1/write-keys", { body })),
    writeKeys,
  );
}

/** `mutate(id)` */
export function useDeleteWriteKey() {
  return useChange(
    (id: string) => ask(api.DELETE("/api/v1/write-keys/{key_id}", { params: { path: { key_id: id } } })),
    writeKeys,
  );
}
