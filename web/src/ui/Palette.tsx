import { Modal } from "@mantine/core";
import { type KeyboardEvent, useEffect, useId, useRef, useState } from "react";
import { useNavigate } from "react-router";
import { found, type Target, useTargets } from "./targets";

/** Ctrl K: jump to any page or thing by a few letters of its name. */
export function Palette({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal.Root opened={opened} onClose={onClose} size={560} yOffset="12vh" lockScroll={false}>
      <Modal.Overlay backgroundOpacity={0.32} />
      <Modal.Content aria-label="Search and jump">
        <Search onClose={onClose} />
      </Modal.Content>
    </Modal.Root>
  );
}

function Search({ onClose }: { onClose: () => void }) {
  const navigate = useNavigate();
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const hits = found(useTargets(), text);
  const list = useId();
  const chosen = hits[Math.min(at, hits.length - 1)];

  function go(target: Target | undefined) {
    if (target === undefined) return;
    onClose();
    void navigate(target.to);
  }

  function press(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step !== undefined && hits.length > 0)
      setAt((Math.min(at, hits.length - 1) + step + hits.length) % hits.length);
    else if (event.key === "Enter") go(chosen);
    else return;
    event.preventDefault();
  }

  return (
    <div className="palette">
      <input
        data-autofocus
        role="combobox"
        aria-label="Search pages, syncs, integrations and destinations"
        aria-expanded={hits.length > 0}
        aria-controls={list}
        aria-activedescendant={chosen && `${list}${chosen.to}`}
        aria-autocomplete="list"
        placeholder="Search and jump …"
        autoComplete="off"
        spellCheck={false}
        value={text}
        onKeyDown={press}
        onChange={(event) => {
          setText(event.currentTarget.value);
          setAt(0);
        }}
      />
      <div role="listbox" id={list} aria-label="Found">
        {hits.map((target) => (
          <Option
            key={target.to}
            id={`${list}${target.to}`}
            target={target}
            chosen={target === chosen}
            onChoose={() => go(target)}
          />
        ))}
      </div>
      {hits.length === 0 && (
        <p className="palette-none" role="status">
          Nothing is called that.
        </p>
      )}
    </div>
  );
}

interface OptionProps {
  id: string;
  target: Target;
  chosen: boolean;
  onChoose: () => void;
}

function Option({ id, target: { icon: Icon, label, kind }, chosen, onChoose }: OptionProps) {
  const line = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen) line.current?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    // biome-ignore lint/a11y/useFocusableInteractive: the field keeps the focus and says which option is active
    // biome-ignore lint/a11y/useKeyWithClickEvents: the field hears the keys
    <div ref={line} id={id} role="option" aria-selected={chosen} onClick={onChoose}>
      <Icon size={16} stroke={1.7} aria-hidden />
      <span className="clip">{label}</span>
      <span className="push faint">{kind}</span>
    </div>
  );
}
