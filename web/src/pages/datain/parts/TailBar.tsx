import { Button } from "@mantine/core";
import { count } from "../../../ui/numbers";

interface TailBarProps {
  /** Undefined while the list is read. */
  shown: number | undefined;
  more: boolean;
  left: number;
  busy: boolean;
  onRead: () => void;
}

/** One line over the list: how much of it there is. Always there, so that nothing moves when calls come fast. */
export function TailBar({ shown, more, left, busy, onRead }: TailBarProps) {
  return (
    <div className="tail-bar">
      <span className="num muted">
        {shown !== undefined && `${count(shown)}${more ? "+" : ""} ${shown === 1 ? "call" : "calls"}`}
      </span>
      {left > 0 && (
        <>
          <span className="push num tail-left">{count(left)} more came too fast to be shown</span>
          <Button size="compact-xs" loading={busy} onClick={onRead}>
            Read the list again
          </Button>
        </>
      )}
    </div>
  );
}
