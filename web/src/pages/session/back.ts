import { useSearchParams } from "react-router";
import { paths } from "../../paths";

/** Where somebody wanted to go before they had to sign in; only ever a place of this page. */
export function useBack(): string {
  const [params] = useSearchParams();
  const back = params.get("back") ?? "";
  const here = new URL(back, location.origin);
  return back.startsWith("/") && here.origin === location.origin
    ? here.pathname + here.search + here.hash
    : paths.overview;
}
