import { Select, Textarea, TextInput } from "@mantine/core";
import { useSources } from "../../../api/queries-connections";
import { useConnectors } from "../../../api/queries-connectors";
import type { FieldErrors } from "../../../ui/fieldErrors";
import { CallPicker } from "./CallPicker";
import { DestinationsField } from "./DestinationsField";
import { FrequencyField } from "./FrequencyField";
import { listOf, type Put, type SyncForm, textOf } from "./form";
import { isTimed, read } from "./frequency";
import { MoreFields } from "./MoreFields";
import { StartField } from "./StartField";

interface DetailsFormProps {
  form: SyncForm;
  put: Put;
  /** Absent where the sync has its name for good. */
  rename?: ((name: string) => void) | undefined;
  errors: FieldErrors;
  disabled?: boolean;
}

/** All of a sync but its query. */
export function DetailsForm({ form, put, rename, errors, disabled = false }: DetailsFormProps) {
  const { definition } = form;
  const sources = useSources().data ?? [];
  const received = useReceives(textOf(definition, "source"));
  const start = definition.start ? textOf(definition, "start") : null;
  return (
    <div className="fields details">
      {rename && (
        <TextInput
          label="Name"
          description="Small letters, digits, _ and -; it stays the sync's name for good."
          required
          autoComplete="off"
          spellCheck={false}
          placeholder="people"
          value={form.name}
          error={errors.name}
          onChange={({ currentTarget }) => rename(currentTarget.value)}
        />
      )}
      <Textarea
        label="Description"
        placeholder="What this sync is for"
        autosize
        minRows={2}
        maxRows={6}
        disabled={disabled}
        value={textOf(definition, "description")}
        error={errors.description}
        onChange={({ currentTarget }) => put("description", currentTarget.value || undefined)}
      />
      <Select
        label="Source"
        required
        searchable
        placeholder="Choose"
        nothingFoundMessage="No such source"
        data={sources.map(({ name }) => name)}
        disabled={disabled}
        value={textOf(definition, "source") || null}
        error={errors.source}
        onChange={(source) => put("source", source ?? undefined)}
      />
      {!received && (
        <>
          <CallPicker
            value={textOf(definition, "call")}
            error={errors.call}
            disabled={disabled}
            onChange={(kind) => put("call", kind)}
          />
          <FrequencyField
            value={textOf(definition, "schedule")}
            own={form.name}
            start={start}
            error={errors.schedule}
            disabled={disabled}
            onChange={(schedule) => put("schedule", schedule)}
          />
          {(isTimed(read(textOf(definition, "schedule"))) || start) && (
            <StartField
              value={start}
              error={errors.start}
              disabled={disabled}
              onChange={(moment) => put("start", moment ?? undefined)}
            />
          )}
        </>
      )}
      <DestinationsField
        value={listOf(definition, "destinations")}
        error={errors.destinations}
        disabled={disabled}
        onChange={(names) => put("destinations", names)}
      />
      <MoreFields definition={definition} put={put} errors={errors} disabled={disabled} received={received} />
    </div>
  );
}

/** Whether programs send calls to the source: then there is neither a query nor a schedule. */
export function useReceives(source: string): boolean {
  const type = useSources().data?.find(({ name }) => name === source)?.type;
  return useConnectors().data?.find((one) => one.role === "source" && one.type === type)?.receives ?? false;
}
