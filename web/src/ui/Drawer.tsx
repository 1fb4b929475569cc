import { CloseButton, Drawer as Sheet } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import { useNavigate } from "react-router";
import { useParam } from "./url";

interface DrawerProps {
  /** The search parameter that holds what is open: `run` for `?run=20261123-…`. Nothing there: closed. */
  param: string;
  /** For screen readers, and the heading unless there is `head`. */
  label: string;
  /** In the bar, in the place of the label. */
  head?: (value: string) => ReactNode;
  children: (value: string) => ReactNode;
  size?: number;
}

/** A sheet from the right that is open while the address says so: it has a deep link, and Back closes it. */
export function Drawer({ param, label, head, children, size = 560 }: DrawerProps) {
  const [value] = useParam(param);
  const close = useClose(param);
  const last = useRef(value);
  if (value !== null) last.current = value;
  const shown = value ?? last.current; // stays to be seen while the sheet slides out
  return (
    <Sheet.Root opened={value !== null} onClose={close} position="right" size={size} lockScroll={false}>
      <Sheet.Overlay backgroundOpacity={0.28} />
      <Sheet.Content aria-label={label}>
        {shown !== null && (
          <div className="drawer">
            <div className="top">
              {head ? head(shown) : <h2>{label}</h2>}
              <span className="push" />
              <CloseButton aria-label="Close" onClick={close} />
            </div>
            <div className="drawer-body">{children(shown)}</div>
          </div>
        )}
      </Sheet.Content>
    </Sheet.Root>
  );
}

/** Goes back to before it was opened; where the address came from outside, the parameter is only taken out. */
function useClose(param: string): () => void {
  const [value, set] = useParam(param, "replace");
  const navigate = useNavigate();
  const before = useRef<number | null>(null);
  const open = value !== null;
  const first = useRef(true);
  useEffect(() => {
    before.current = open && !first.current ? place() - 1 : null;
    first.current = false;
  }, [open]);
  return () => {
    const steps = before.current === null ? 0 : before.current - place();
    if (steps < 0) void navigate(steps);
    else set(null);
  };
}

/** How many entries of this page lie before this one; the router counts them. */
function place(): number {
  return (history.state as { idx?: number } | null)?.idx ?? 0;
}
