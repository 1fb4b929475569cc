import { type QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";
import { ApiProblem } from "./problem";

export type Me = Schemas["Me"];
export type Action = Schemas["Action"];

/** Who is signed in; null: nobody. */
export function useSession() {
  return useQuery({ queryKey: keys.session, queryFn: whoAmI, staleTime: 60_000 });
}

async function whoAmI(): Promise<Me | null> {
  try {
    return await ask(api.GET("/api/v1/session"));
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 401) return null;
    throw error;
  }
}

/** Who is signed in, below the shell, which lets nobody else in. */
export function useMe(): Me {
  const { data } = useSession();
  return data ?? NOBODY;
}

// For the moment between the end of a session and the sign-in page.
const NOBODY: Me = {
  kind: "user",
  id: "",
  name: "",
  email: null,
  role: "viewer",
  preview: false,
  actions: [],
};

/** Whether the person may: `view preview operate edit connect administer`. What they may not do is not offered. */
export function useMay(action: Action): boolean {
  return useMe().actions.includes(action);
}

export function useSetUpNeeded(enabled = true) {
  return useQuery({
    queryKey: keys.setup,
    queryFn: async () => (await ask(api.GET("/api/v1/setup"))).needed,
    enabled,
  });
}

export function useWays() {
  return useQuery({ queryKey: keys.ways, queryFn: () => ask(api.GET("/api/v1/session/ways")) });
}

/** Somebody else is here now, or nobody: they see nothing of what the one before saw. */
function change(cache: QueryClient, me: Me | null): void {
  cache.setQueryData(keys.session, me);
  cache.removeQueries({ predicate: (query) => query.queryKey[0] !== keys.session[0] });
}

function useBegin<T>(begin: (asked: T) => Promise<Me>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: begin,
    onSuccess: (me) => change(cache, me),
  });
}

export function useSignIn() {
  return useBegin((body: Schemas["Credentials"]) => ask(api.POST("/api/v1/session", { body })));
}

export function useSetUp() {
  return useBegin((body: Schemas["SetUpAsked"]) => ask(api.POST("/api/v1/setup", { body })));
}

export function useJoin() {
  return useBegin((body: Schemas["InvitationAsked"]) =>
    ask(api.POST("/api/v1/session/invitation", { body })),
  );
}

export function useSignOut() {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: () => ask(api.DELETE("/api/v1/session")),
    onSuccess: () => change(cache, null),
  });
}
