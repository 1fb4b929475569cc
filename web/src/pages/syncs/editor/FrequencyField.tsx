import { NumberInput, Select, TextInput } from "@mantine/core";
import { useState } from "react";
import { useSyncs } from "../../../api/queries-syncs";
import { begun, type Frequency, isTimed, KINDS, read, UNITS, type Unit, written } from "./frequency";
import { ScheduleHelp } from "./ScheduleHelp";

interface FrequencyFieldProps {
  /** As under `schedule`. */
  value: string;
  onChange: (value: string) => void;
  /** The sync itself: it cannot run after itself. */
  own: string;
  start: string | null;
  error?: string | undefined;
  disabled: boolean;
}

const HERE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const ZONES = [...new Set(["UTC", HERE, ...Intl.supportedValuesOf("timeZone")])];

/** When a sync runs, and what that means. */
export function FrequencyField({ value, onChange, own, start, error, disabled }: FrequencyFieldProps) {
  const frequency = read(value);
  const set = (next: Frequency) => onChange(written(next));
  // An interval without a first moment begins when it is enabled: its times are shown as if that were now.
  const [now] = useState(() => new Date().toISOString());
  return (
    <div className="stack-s">
      <div className="frequency">
        <Select
          label="Frequency"
          data={KINDS}
          value={frequency.kind}
          disabled={disabled}
          onChange={(kind) => kind && set(begun(kind as Frequency["kind"], HERE))}
        />
        <Parts frequency={frequency} set={set} own={own} disabled={disabled} />
      </div>
      {isTimed(frequency) || error ? (
        <ScheduleHelp text={value} start={start ?? (frequency.kind === "every" ? now : null)} error={error} />
      ) : (
        <p className="m-help">{frequency.kind === "manual" ? MANUAL : AFTER}</p>
      )}
    </div>
  );
}

const MANUAL = "It runs when somebody says so: with Run now here, or by the API and the command line.";
const AFTER = "It runs each time a run of that sync has delivered.";

interface PartsProps {
  frequency: Frequency;
  set: (next: Frequency) => void;
  own: string;
  disabled: boolean;
}

function Parts({ frequency, set, own, disabled }: PartsProps) {
  switch (frequency.kind) {
    case "every":
      return (
        <>
          <NumberInput
            label="Every"
            allowDecimal={false}
            clampBehavior="none"
            disabled={disabled}
            value={frequency.count}
            onChange={(count) => set({ ...frequency, count: String(count) })}
          />
          <Select
            label="Unit"
            data={[...UNITS]}
            disabled={disabled}
            value={frequency.unit}
            onChange={(unit) => unit && set({ ...frequency, unit: unit as Unit })}
          />
        </>
      );
    case "daily":
      return (
        <>
          <TextInput
            label="Time"
            type="time"
            disabled={disabled}
            value={frequency.time}
            onChange={({ currentTarget }) => set({ ...frequency, time: currentTarget.value })}
          />
          <Zone value={frequency.zone} onChange={(zone) => set({ ...frequency, zone })} disabled={disabled} />
        </>
      );
    case "cron":
      return (
        <>
          <TextInput
            label="Cron line"
            className="mono-input"
            placeholder="minute hour day month weekday"
            spellCheck={false}
            disabled={disabled}
            value={frequency.line}
            onChange={({ currentTarget }) => set({ ...frequency, line: currentTarget.value })}
          />
          <Zone value={frequency.zone} onChange={(zone) => set({ ...frequency, zone })} disabled={disabled} />
        </>
      );
    case "after":
      return <After frequency={frequency} set={set} own={own} disabled={disabled} />;
    case "manual":
      return null;
  }
}

function After({
  frequency,
  set,
  own,
  disabled,
}: PartsProps & { frequency: { kind: "after"; sync: string } }) {
  const others = (useSyncs().data ?? []).map(({ name }) => name).filter((name) => name !== own);
  const known =
    frequency.sync === "" || others.includes(frequency.sync) ? others : [frequency.sync, ...others];
  return (
    <Select
      label="Sync"
      placeholder="Choose"
      searchable
      nothingFoundMessage="No other sync"
      data={known}
      disabled={disabled}
      value={frequency.sync || null}
      onChange={(sync) => set({ kind: "after", sync: sync ?? "" })}
    />
  );
}

function Zone({
  value,
  onChange,
  disabled,
}: {
  value: string;
  onChange: (zone: string) => void;
  disabled: boolean;
}) {
  const zones = ZONES.includes(value) ? ZONES : [value, ...ZONES];
  return (
    <Select
      label="Time zone"
      searchable
      limit={40}
      nothingFoundMessage="No such zone"
      data={zones}
      disabled={disabled}
      value={value}
      onChange={(zone) => zone && onChange(zone)}
    />
  );
}
