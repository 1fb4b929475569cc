import { Switch } from "@mantine/core";
import { type ReactNode, useEffect, useRef } from "react";
import type { Definition } from "../../api/queries-connections";
import type { FieldShown } from "../../api/queries-connectors";
import type { FieldErrors } from "../fieldErrors";
import { asGroup, fieldLabel, sorted, withKey } from "./model";
import { SchemaField } from "./SchemaField";

export interface SchemaFormProps {
  /** The connector's own declaration. */
  fields: readonly FieldShown[];
  /** What stands under the name in headrace.yaml; `type` is the page's affair. */
  value: Definition;
  onChange: (value: Definition) => void;
  /** As it was saved: says which secrets the service keeps. */
  saved?: Definition;
  /** From `fieldErrors(error, "sources.shop", fieldPaths(fields)).at`. */
  errors?: FieldErrors;
  disabled?: boolean;
  /** Fields that the page draws itself. */
  omit?: readonly string[];
  /** Drawn at the end of a group, by the group's name: the SSH key below its server. */
  after?: Readonly<Record<string, ReactNode>>;
}

/** Draws the fields of a connector. Nothing is judged here: the service does, and its findings stand at the fields. */
export function SchemaForm({ fields, omit = [], ...rest }: SchemaFormProps) {
  const { main, more } = sorted(fields.filter((field) => !omit.includes(field.name)));
  const { value, errors = {} } = rest;
  const wanted = more.some(({ name }) => value[name] !== undefined || hasErrors(errors, name));
  const form = useRef<HTMLDivElement>(null);
  const wrong = JSON.stringify(errors);
  useEffect(() => {
    // Whoever saved looks for what is wrong with it.
    if (wrong !== "{}") form.current?.querySelector<HTMLElement>("[aria-invalid='true']")?.focus();
  }, [wrong]);
  return (
    <div className="fields" ref={form}>
      <Fields fields={main} within="" {...rest} />
      {more.length > 0 && (
        <details className="fold" open={wanted || undefined}>
          <summary>More settings</summary>
          <div className="fields">
            <Fields fields={more} within="" {...rest} />
          </div>
        </details>
      )}
    </div>
  );
}

type FieldsProps = Omit<SchemaFormProps, "omit"> & { within: string };

function Fields({
  fields,
  value,
  onChange,
  saved = {},
  errors = {},
  disabled = false,
  after = {},
  within,
}: FieldsProps) {
  return fields.map((field) => {
    const { name } = field;
    const change = (next: unknown) => onChange(withKey(value, name, next));
    const path = within + name;
    const shared = { field, disabled, onChange: change, value: value[name], saved: saved[name] };
    if (field.kind === "group")
      return <Group key={name} {...shared} errors={errors} path={path} after={after} />;
    return <SchemaField key={name} {...shared} error={errors[path]} />;
  });
}

interface GroupProps {
  field: FieldShown;
  value: unknown;
  saved: unknown;
  onChange: (value: unknown) => void;
  errors: FieldErrors;
  disabled: boolean;
  path: string;
  after: Readonly<Record<string, ReactNode>>;
}

/** Fields that belong together, and are there or not. */
function Group({ field, value, saved, onChange, errors, disabled, path, after }: GroupProps) {
  const on = value !== undefined && value !== null;
  return (
    <fieldset className="field-group">
      <legend>
        <Switch
          label={fieldLabel(field.name)}
          description={field.help}
          error={errors[path]}
          disabled={disabled || field.required}
          checked={on || field.required}
          onChange={(event) => onChange(event.currentTarget.checked ? asGroup(saved) : undefined)}
        />
      </legend>
      {(on || field.required) && (
        <div className="fields">
          <Fields
            fields={field.fields}
            value={asGroup(value)}
            saved={asGroup(saved)}
            onChange={onChange}
            errors={errors}
            disabled={disabled}
            within={`${path}.`}
          />
          {after[field.name]}
        </div>
      )}
    </fieldset>
  );
}

function hasErrors(errors: FieldErrors, name: string): boolean {
  return Object.keys(errors).some((path) => path === name || path.startsWith(`${name}.`));
}
