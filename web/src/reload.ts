const KEY = "headrace.reloaded";
const AGAIN_AFTER = 30_000;

/** Load the page anew, unless that was just tried and did not help. */
export function reloadOnce(): boolean {
  const last = Number(sessionStorage.getItem(KEY) ?? 0);
  if (Date.now() - last < AGAIN_AFTER) return false;
  sessionStorage.setItem(KEY, String(Date.now()));
  location.reload();
  return true;
}
