import { QueryClient } from "@tanstack/react-query";
import { ApiProblem, onSignedOut } from "./client";
import { keys } from "./keys";

const FRESH = 15_000;
const TRIES = 2;

/** What the service refused it refuses again; only silence is worth another try. */
function worthATry(failures: number, error: Error): boolean {
  const silent = !(error instanceof ApiProblem) || error.status === 0 || error.status >= 502;
  return silent && failures < TRIES;
}

export const client = new QueryClient({
  defaultOptions: {
    // A laptop without internet still reaches the service on it: never wait for "online".
    queries: { staleTime: FRESH, retry: worthATry, networkMode: "always" },
    mutations: { networkMode: "always" },
  },
});

// The shell sees that nobody is signed in any more, and shows the sign-in page with the way back.
onSignedOut(() => client.setQueryData(keys.session, null));
