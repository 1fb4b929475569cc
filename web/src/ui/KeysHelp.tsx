import { Kbd, Modal } from "@mantine/core";

const KEYS: readonly [keys: readonly string[], what: string][] = [
  [["Ctrl", "K"], "Search and jump to anything"],
  [["Ctrl", "Enter"], "Run the query"],
  [["Ctrl", "S"], "Save"],
  [["Esc"], "Close what is open"],
  [["?"], "Show these keys"],
];

const MAC = /Mac|iPhone|iPad/.test(navigator.userAgent);

/** The keys there are; `?` opens it. */
export function KeysHelp({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal opened={opened} onClose={onClose} title="Keyboard shortcuts" size={380} lockScroll={false}>
      <dl className="keys">
        {KEYS.map(([keys, what]) => (
          <div key={what}>
            <dt>{what}</dt>
            <dd>
              {keys.map((key) => (
                <Kbd key={key}>{MAC && key === "Ctrl" ? "⌘" : key}</Kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
    </Modal>
  );
}
