import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { api, ask, type Schemas } from "./client";
import { keys } from "./keys";

export type SshKeys = Schemas["KeysShown"];
export type HostKey = Schemas["HostKeyShown"];
export type KeyKind = Schemas["NewKey"]["type"];

const at = (name: string) => ({ params: { path: { name } } });
const cacheKey = (name: string) => [...keys.connection("sources", name), "ssh-key"] as const;

/** The public keys of a source that is reached through SSH, and its server's key; undefined asks for nothing. */
export function useSshKeys(name: string | undefined) {
  return useQuery({
    queryKey: cacheKey(name ?? ""),
    queryFn: () => ask(api.GET("/api/v1/sources/{name}/ssh-key", at(name ?? ""))),
    enabled: name !== undefined,
  });
}

function useKeyChange<T extends { name: string }>(change: (asked: T) => Promise<SshKeys>) {
  const cache = useQueryClient();
  return useMutation({
    mutationFn: change,
    onSuccess: (told, { name }) => cache.setQueryData(cacheKey(name), told),
  });
}

/** A new key, which is pending: `mutate({ name, type? })`; one that was not saved is replaced. */
export function useMakeKey() {
  return useKeyChange(({ name, type = "ed25519" }: { name: string; type?: KeyKind }) =>
    ask(api.POST("/api/v1/sources/{name}/ssh-key/new", { ...at(name), body: { type, replace: true } })),
  );
}

/** The key that the server shows now: `mutate(name)`. Nothing is trusted yet. */
export function useReadHostKey() {
  return useMutation({
    mutationFn: (name: string) => ask(api.POST("/api/v1/sources/{name}/ssh-key/host-key", at(name))),
  });
}

/** Confirm the server's key: `mutate({ name, fingerprint })`. */
export function useTrustHostKey() {
  return useKeyChange(({ name, fingerprint }: { name: string; fingerprint: string }) =>
    ask(api.POST("/api/v1/sources/{name}/ssh-key/trust", { ...at(name), body: { fingerprint } })),
  );
}

/** Log in and reach the database: `mutate({ name, pending })`. */
export function useTestKey() {
  return useKeyChange(({ name, pending }: { name: string; pending: boolean }) =>
    ask(api.POST("/api/v1/sources/{name}/ssh-key/test", { ...at(name), body: { pending } })),
  );
}

/** Take the new key into use; the service does so only when it works. */
export function useSaveKey() {
  return useKeyChange(({ name }: { name: string }) =>
    ask(api.POST("/api/v1/sources/{name}/ssh-key/save", at(name))),
  );
}

/** Drop the new key. */
export function useDiscardKey() {
  return useKeyChange(({ name }: { name: string }) =>
    ask(api.POST("/api/v1/sources/{name}/ssh-key/discard", at(name))),
  );
}
