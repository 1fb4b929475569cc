import { NumberInput, Select, Switch, TagsInput, TextInput } from "@mantine/core";
import type { FieldShown } from "../../api/queries-connectors";
import { fieldLabel } from "./model";
import { PairsField } from "./PairsField";
import { SecretField } from "./SecretField";

export interface FieldProps {
  field: FieldShown;
  value: unknown;
  /** Undefined takes the key out: the default counts then. */
  onChange: (value: unknown) => void;
  /** As it was saved. */
  saved?: unknown;
  error?: string | undefined;
  disabled?: boolean;
}

/** One setting of a connector, by its kind. */
export function SchemaField(props: FieldProps) {
  switch (props.field.kind) {
    case "secret":
      return <SecretField {...props} />;
    case "integer":
    case "number":
      return <Number_ {...props} />;
    case "boolean":
      return <YesNo {...props} />;
    case "choice":
      return <Choice {...props} />;
    case "map":
      return <PairsField {...props} />;
    case "list":
      return <List {...props} />;
    default:
      return <Text {...props} />;
  }
}

/** What every kind of field has. */
export function common({ field, error, disabled = false }: FieldProps) {
  return {
    label: fieldLabel(field.name),
    description: field.help,
    required: field.required,
    error,
    disabled,
  };
}

function Text(props: FieldProps) {
  const { field, value, onChange } = props;
  const technical = field.kind === "url" || field.kind === "path";
  return (
    <TextInput
      {...common(props)}
      {...(technical && { inputMode: "url" })}
      placeholder={hint(field)}
      autoComplete="off"
      spellCheck={false}
      value={asText(value)}
      onChange={({ currentTarget }) => onChange(currentTarget.value === "" ? undefined : currentTarget.value)}
    />
  );
}

function Number_(props: FieldProps) {
  const { field, value, onChange } = props;
  return (
    <NumberInput
      {...common(props)}
      placeholder={hint(field)}
      allowDecimal={field.kind === "number"}
      clampBehavior="none"
      value={typeof value === "number" || typeof value === "string" ? value : ""}
      onChange={(next) => onChange(next === "" ? undefined : next)}
    />
  );
}

function YesNo(props: FieldProps) {
  const { field, value, onChange } = props;
  return (
    <Switch
      {...common(props)}
      required={false}
      checked={typeof value === "boolean" ? value : field.default === true}
      onChange={({ currentTarget }) => onChange(currentTarget.checked)}
    />
  );
}

function Choice(props: FieldProps) {
  const { field, value, onChange } = props;
  const standard = field.default === null || field.default === undefined ? "Default" : String(field.default);
  return (
    <Select
      {...common(props)}
      data={field.choices}
      placeholder={field.required ? "Choose" : standard}
      clearable={!field.required}
      clearButtonProps={{ "aria-label": `Clear ${fieldLabel(field.name)}` }}
      value={typeof value === "string" ? value : null}
      onChange={(next) => onChange(next ?? undefined)}
    />
  );
}

function List(props: FieldProps) {
  const { field, value, onChange } = props;
  return (
    <TagsInput
      {...common(props)}
      placeholder={hint(field)}
      value={Array.isArray(value) ? value.map(String) : []}
      onChange={(next) => onChange(next.length === 0 ? undefined : next)}
    />
  );
}

/** The default, or else an example, as pale words. */
function hint(field: FieldShown): string {
  if (isShort(field.default)) return String(field.default);
  return isShort(field.example) ? `such as ${field.example}` : "";
}

function isShort(value: unknown): value is string | number {
  return typeof value === "string" || typeof value === "number";
}

function asText(value: unknown): string {
  return value === undefined || value === null ? "" : String(value);
}
