import { NumberInput } from "@mantine/core";
import type { Definition } from "../../../api/queries-connections";
import type { FieldErrors } from "../../../ui/fieldErrors";
import { asGroup, withKey } from "../../../ui/form/model";
import { SchemaField } from "../../../ui/form/SchemaField";
import type { Put } from "./form";
import { LIMITS, OF_ROWS, OF_RUNS, OF_VALUES } from "./more";

interface MoreFieldsProps {
  definition: Definition;
  put: Put;
  errors: FieldErrors;
  disabled: boolean;
  /** Of a source that receives calls: only what means something to them. */
  received: boolean;
}

/** The settings that most syncs leave alone, by what they are about. */
export function MoreFields({ definition, put, errors, disabled, received }: MoreFieldsProps) {
  const groups = received
    ? [OF_RUNS.filter(({ name }) => name === "deduplicate_for")]
    : [OF_RUNS, OF_VALUES, OF_ROWS];
  const shared = { definition, put, errors, disabled };
  const names = [...groups.flat().map(({ name }) => name), "limits"];
  const open = names.some((name) => definition[name] !== undefined || errors[name] !== undefined);
  return (
    <details className="fold" open={open || undefined}>
      <summary>More</summary>
      <div className="more-fields">
        {groups.map((group, at) => (
          <div className="fields" key={at === 0 ? "runs" : at}>
            {group.map((field) => (
              <SchemaField
                key={field.name}
                field={field}
                value={definition[field.name]}
                error={errors[field.name]}
                disabled={disabled}
                onChange={(value) => put(field.name, value)}
              />
            ))}
          </div>
        ))}
        {!received && <Limits {...shared} />}
      </div>
    </details>
  );
}

function Limits({ definition, put, errors, disabled }: Omit<MoreFieldsProps, "received">) {
  const limits = asGroup(definition.limits);
  const change = (name: string, value: unknown) => {
    const next = withKey(limits, name, value);
    put("limits", Object.keys(next).length > 0 ? next : undefined);
  };
  return (
    <fieldset className="limits" disabled={disabled}>
      <legend className="m-label">Limits of the result</legend>
      <p className="m-help">A query that returns more ends its run before anything is sent.</p>
      <div className="limit-grid">
        {LIMITS.map(({ name, label, standard }) => (
          <NumberInput
            key={name}
            label={label}
            placeholder={standard}
            allowDecimal={false}
            clampBehavior="none"
            thousandSeparator=","
            value={typeof limits[name] === "number" ? limits[name] : ""}
            error={errors[`limits.${name}`]}
            onChange={(value) => change(name, value === "" ? undefined : value)}
          />
        ))}
      </div>
    </fieldset>
  );
}
