import { useCallback } from "react";
import { useSearchParams } from "react-router";

/** How a change of the address is kept: `push` gets an entry that Back undoes; `replace` does not. */
export type History = "push" | "replace";

/** One search parameter as state. Null takes it out. */
export function useParam(
  name: string,
  history: History = "push",
): [string | null, (value: string | null) => void] {
  const [params, setParams] = useSearchParams();
  const set = useCallback(
    (value: string | null) =>
      setParams(
        (old) => {
          const next = new URLSearchParams(old);
          if (value === null || value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: history === "replace", preventScrollReset: true },
      ),
    [name, history, setParams],
  );
  return [params.get(name), set];
}

/** The address with one search parameter changed, for links: `to={useParamLink()("run", id)}`. */
export function useParamLink(): (name: string, value: string | null) => string {
  const [params] = useSearchParams();
  return (name, value) => {
    const next = new URLSearchParams(params);
    if (value === null) next.delete(name);
    else next.set(name, value);
    return `?${next}`;
  };
}
