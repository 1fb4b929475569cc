import { ActionIcon, Tooltip } from "@mantine/core";
import { IconCheck, IconCopy } from "@tabler/icons-react";
import { useEffect, useRef, useState } from "react";

/** Copies text, and says that it did. Works without HTTPS too, where browsers have no clipboard for scripts. */
export function CopyButton({ value, label }: { value: string; label: string }) {
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), 1_600);
    return () => clearTimeout(timer);
  }, [copied]);
  const Icon = copied ? IconCheck : IconCopy;
  return (
    <>
      <Tooltip label={copied ? "Copied" : label}>
        <ActionIcon
          aria-label={label}
          onClick={async (event) => setCopied(await copy(value, event.currentTarget))}
        >
          <Icon size={15} stroke={1.7} />
        </ActionIcon>
      </Tooltip>
      <span className="sr" role="status">
        {copied && "Copied"}
      </span>
    </>
  );
}

async function copy(value: string, from: HTMLElement): Promise<boolean> {
  if (navigator.clipboard) {
    return navigator.clipboard.writeText(value).then(
      () => true,
      () => copyBySelection(value, from),
    );
  }
  return copyBySelection(value, from);
}

function copyBySelection(value: string, from: HTMLElement): boolean {
  const area = document.createElement("textarea");
  area.value = value;
  area.className = "sr";
  // Inside a dialog that holds the focus, only what is inside it can be selected.
  from.parentElement?.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  from.focus();
  return done;
}

/** A value to copy, on one line: a key, an address. */
export function CopyField({ label, value }: { label: string; value: string }) {
  const field = useRef<HTMLInputElement>(null);
  return (
    <div className="copy-field">
      <input
        ref={field}
        readOnly
        className="mono"
        aria-label={label}
        value={value}
        onFocus={() => field.current?.select()}
      />
      <CopyButton value={value} label={`Copy ${label}`} />
    </div>
  );
}

/** Lines to copy: SQL, a command, a script. */
export function CodeBlock({ label, code }: { label: string; code: string }) {
  return (
    <div className="code-block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by the keyboard */}
      <section tabIndex={0} aria-label={label}>
        <pre>{code}</pre>
      </section>
      <CopyButton value={code} label={`Copy ${label}`} />
    </div>
  );
}
