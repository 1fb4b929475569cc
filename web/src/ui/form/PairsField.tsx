import { ActionIcon, Button, Input, TextInput } from "@mantine/core";
import { IconPlus, IconX } from "@tabler/icons-react";
import { useId, useRef, useState } from "react";
import { asGroup, fieldLabel } from "./model";
import type { FieldProps } from "./SchemaField";

interface Pair {
  id: number;
  key: string;
  value: string;
}

/** A map, as lines of name and value. As in YAML, 12 is a number, true a truth, and "12" in quotes is text. */
export function PairsField({ field, value, onChange, error, disabled = false }: FieldProps) {
  const next = useRef(0);
  const help = useId();
  const read = () =>
    Object.entries(asGroup(value)).map(([key, item]) => ({ id: next.current++, key, value: write(item) }));
  const [pairs, setPairs] = useState<Pair[]>(read);
  const [told, setTold] = useState(value);
  if (told !== value) {
    // It was changed from outside: a draft was thrown away.
    setTold(value);
    setPairs(read());
  }

  function change(now: Pair[]) {
    const named = now.filter((pair) => pair.key.trim() !== "");
    const made =
      named.length === 0
        ? undefined
        : Object.fromEntries(named.map((pair) => [pair.key.trim(), parse(pair.value)]));
    setPairs(now);
    setTold(made);
    onChange(made);
  }
  const edit = (id: number, part: Partial<Pair>) =>
    change(pairs.map((pair) => (pair.id === id ? { ...pair, ...part } : pair)));

  const label = fieldLabel(field.name);
  return (
    <fieldset className="pairs" aria-describedby={help} disabled={disabled}>
      <legend className="m-label">{label}</legend>
      <p className="m-help" id={help}>
        {field.help}
      </p>
      {pairs.map((pair, at) => (
        <div className="pair" key={pair.id}>
          <TextInput
            aria-label={`${label}: name ${at + 1}`}
            placeholder="name"
            value={pair.key}
            onChange={({ currentTarget }) => edit(pair.id, { key: currentTarget.value })}
          />
          <TextInput
            aria-label={`${label}: value ${at + 1}`}
            placeholder="value"
            value={pair.value}
            onChange={({ currentTarget }) => edit(pair.id, { value: currentTarget.value })}
          />
          <ActionIcon
            aria-label={`Remove ${pair.key || `line ${at + 1}`}`}
            disabled={disabled}
            onClick={() => change(pairs.filter(({ id }) => id !== pair.id))}
          >
            <IconX size={15} stroke={1.7} />
          </ActionIcon>
        </div>
      ))}
      <div>
        <Button
          leftSection={<IconPlus size={14} />}
          disabled={disabled}
          onClick={() => setPairs([...pairs, { id: next.current++, key: "", value: "" }])}
        >
          Add line
        </Button>
      </div>
      {error && <Input.Error>{error}</Input.Error>}
    </fieldset>
  );
}

function parse(text: string): unknown {
  if (!/^\s*(-?\d|true$|false$|[{["])/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** Text that would be read as something else gets its quotes. */
function write(value: unknown): string {
  if (typeof value !== "string") return JSON.stringify(value);
  return parse(value) === value ? value : JSON.stringify(value);
}
