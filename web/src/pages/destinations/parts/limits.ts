import type { Definition } from "../../../api/queries-connections";
import type { Connector } from "../../../api/queries-connectors";
import { count } from "../../../ui/numbers";

/** How each setting that limits what goes out is said. */
const SAID: Readonly<Record<string, (value: number) => string>> = {
  in_flight: (value) => `${count(value)} at once`,
  rate: (value) => `${count(value)} requests a second`,
  batch_size: (value) => `${count(value)} ${value === 1 ? "call" : "calls"} a request`,
  import_bytes: (value) => `${count(value)} bytes a request`,
};

/** The limits of a destination that its connector lets people set: as they are set, or else as they come. */
export function limitsOf(definition: Definition, connector: Connector | undefined): string[] {
  return (connector?.fields ?? []).flatMap((field) => {
    const value = definition[field.name] ?? field.default;
    const said = SAID[field.name];
    return said && typeof value === "number" ? [said(value)] : [];
  });
}
