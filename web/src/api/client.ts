import createClient from "openapi-fetch";
import { ApiProblem } from "./problem";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];
export type { Finding } from "./problem";
export { ApiProblem, asProblem } from "./problem";

/** A thing that is edited under the version that was read. */
export interface Tagged<T> {
  value: T;
  etag: string;
}

/** POSTs under these heed `Idempotency-Key`: one that is repeated is carried out once. */
const ONCE = /^\/api\/v1\/(sources|destinations|syncs|runs|alerts\/channels)(\/|$)/;
const PAUSE = 600;

let signedOut: () => void = () => {};

/** Called whenever the service says that the session is over. */
export function onSignedOut(handler: () => void): void {
  signedOut = handler;
}

/** The session is over, whoever found out. */
export function tellSignedOut(): void {
  signedOut();
}

/**
 * The typed API. The session is a cookie that scripts cannot read; that requests come from here the browser itself
 * says (`Sec-Fetch-Site`), so nothing has to be added to them.
 */
export const api = createClient<paths>({ baseUrl: "", credentials: "same-origin", fetch: sent });

async function sent(request: Request): Promise<Response> {
  if (request.method !== "POST" || !ONCE.test(new URL(request.url).pathname)) return fetch(request);
  if (!request.headers.has("Idempotency-Key")) request.headers.set("Idempotency-Key", randomKey());
  const again = request.clone();
  try {
    return await fetch(request);
  } catch (error) {
    // No answer came, and whether the request did is not known. With its key it may safely go out again.
    if (again.signal.aborted) throw error;
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return fetch(again);
  }
}

/** `crypto.randomUUID` is missing where the page comes over plain HTTP from another machine. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, "0"),
  ).join("");
}

type Answer<T> = Promise<{ data?: T; error?: unknown; response: Response }>;

/** The data of an answer; an `ApiProblem` is thrown where there is none. */
export async function ask<T>(answer: Answer<T>): Promise<T> {
  return (await settled(answer)).data as T;
}

/** The data together with its version, to be sent back with an edit. */
export async function askTagged<T>(answer: Answer<T>): Promise<Tagged<T>> {
  const { data, response } = await settled(answer);
  return { value: data as T, etag: response.headers.get("etag") ?? "" };
}

/** The header of an edit: which version it is of. */
export function ifMatch(etag: string): { "if-match": string } {
  return { "if-match": etag };
}

/** All items of a list that comes in pages. */
export async function askAll<T>(
  page: (cursor: string | undefined) => Answer<{ items: T[]; next?: string | null }>,
): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  do {
    const found = await ask(page(cursor ?? undefined));
    items.push(...found.items);
    cursor = found.next;
  } while (cursor);
  return items;
}

async function settled<T>(answer: Answer<T>): Promise<{ data?: T; response: Response }> {
  let got: Awaited<Answer<T>>;
  try {
    got = await answer;
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw ApiProblem.unreachable();
  }
  if (got.response.ok) return got;
  const problem = ApiProblem.of(got.response.status, got.error);
  if (problem.code === "signed_out") signedOut();
  throw problem;
}
