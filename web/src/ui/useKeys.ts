import { useEffect, useEffectEvent } from "react";

type Press = (event: KeyboardEvent) => void;

/**
 * Keys of a page: `{ "mod+s": save, "mod+enter": run, "?": help }`. `mod` is Ctrl, or Cmd on a Mac. Plain keys do
 * nothing while somebody types; those with `mod` work everywhere.
 */
export function useKeys(keys: Readonly<Record<string, Press>>): void {
  const pressed = useEffectEvent((event: KeyboardEvent) => {
    const mod = event.ctrlKey || event.metaKey;
    const act = keys[(mod ? "mod+" : "") + event.key.toLowerCase()];
    if (act === undefined || event.altKey || event.defaultPrevented) return;
    if (!mod && types(event.target)) return;
    event.preventDefault();
    act(event);
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => pressed(event);
    document.addEventListener("keydown", listen);
    return () => document.removeEventListener("keydown", listen);
  }, []);
}

function types(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || target.matches("input, textarea, select"))
  );
}
