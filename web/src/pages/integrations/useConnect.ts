import { useCallback, useState } from "react";
import { flushSync } from "react-dom";
import { useNavigate } from "react-router";
import { ApiProblem, type Tagged } from "../../api/client";
import {
  type Check,
  type Connection,
  type Definition,
  useCreateConnection,
  useTestConnection,
  useUpdateConnection,
} from "../../api/queries-connections";
import type { Connector } from "../../api/queries-connectors";
import { paths } from "../../paths";
import { useDraft } from "../../ui/draft";
import { fieldPaths, withoutSecrets } from "../../ui/form/model";
import { checkErrors, differing, withoutFields } from "./parts/checkErrors";
import { type Refusal, refusal } from "./parts/refusal";

interface Asked {
  name: string;
  definition: Definition;
}

/** What goes on: a test alone, the whole way to a saved connection, or only the saving. */
type Step = "test" | "connect" | "save";

/** Connecting a source: what was typed, its test, and its saving; everything that the form's buttons do. */
export function useConnect(connector: Connector, saved: Tagged<Connection> | null) {
  const { type, fields } = connector;
  const navigate = useNavigate();
  const create = useCreateConnection("sources");
  const update = useUpdateConnection("sources");
  const test = useTestConnection("sources");
  const [busy, setBusy] = useState<Step | null>(null);
  const [refused, setRefused] = useState<Refusal | null>(null);
  // What was changed since the last try: what was wrong with it is not known any more.
  const [changed, setChanged] = useState<ReadonlySet<string>>(new Set());

  const keep = useCallback(
    ({ name, definition }: Asked): Asked => ({ name, definition: withoutSecrets(fields, definition) }),
    [fields],
  );
  const known = saved?.value;
  const start: Asked = known
    ? { name: known.name, definition: known.definition }
    : { name: "", definition: { type } };
  const draft = useDraft<Asked>(known ? `connect/${known.name}` : `connect/+new/${type}`, start, { keep });
  const { definition } = draft.value;
  const name = draft.value.name.trim();
  const shown = fieldPaths(fields);

  async function during<T>(step: Step, asked: string, work: () => Promise<T>): Promise<T | undefined> {
    setBusy(step);
    setRefused(null);
    setChanged(new Set());
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof ApiProblem)) throw error;
      setRefused(refusal(error, asked, shown));
      return undefined;
    } finally {
      setBusy(null);
    }
  }

  async function saving(): Promise<string> {
    if (saved === null) await create.mutateAsync({ name, definition });
    else if (draft.dirty) await update.mutateAsync({ name, etag: saved.etag, definition });
    flushSync(draft.done); // so that leaving asks no question
    return name;
  }

  /** The test, and when it is good the saving. */
  async function connecting(anyway: boolean): Promise<void> {
    if (!anyway && !(await tried(name)).ok) return;
    const query = new URLSearchParams({ name: await saving(), connected: "1" });
    await navigate(`${paths.newSource(type)}?${query}`);
  }

  const tried = (under: string): Promise<Check> => test.mutateAsync({ name: under, definition });
  const unnamed = name === "" ? "unsaved" : name;

  function change(next: Partial<Asked>) {
    const now = { ...draft.value, ...next };
    setChanged((old) => new Set([...old, ...differing(draft.value.definition, now.definition)]));
    if (next.name !== undefined) setRefused((old) => old && { ...old, name: undefined });
    draft.set(now);
  }

  const errors = { ...checkErrors(test.data, shown), ...refused?.at };
  return {
    draft,
    change,
    busy,
    check: test.data,
    errors: withoutFields(errors, changed),
    refused,
    test: () => during("test", unnamed, () => tried(unnamed)),
    connect: ({ anyway = false } = {}) => during("connect", name, () => connecting(anyway)),
    /** Saves what the form holds, so that a key can be made for it; the name, or undefined where it was refused. */
    save: () => {
      test.reset();
      return during("save", name, saving);
    },
  };
}

export type Connecting = ReturnType<typeof useConnect>;
