import { useEffect, useState } from "react";
import { useLiveState } from "../api/live";
import { Chip } from "./Chip";

const PATIENCE = 1_500;

/** Says when what is shown may be old; nothing while all is well, or for a moment's hiccup. */
export function Connection() {
  const state = useLiveState();
  const [late, setLate] = useState(false);
  useEffect(() => {
    setLate(false);
    if (state !== "lost") return;
    const timer = setTimeout(() => setLate(true), PATIENCE);
    return () => clearTimeout(timer);
  }, [state]);
  return (
    <span role="status" className="connection">
      {late && <Chip tone="warn">Reconnecting</Chip>}
    </span>
  );
}
