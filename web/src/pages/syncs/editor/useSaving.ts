import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ApiProblem } from "../../../api/client";
import { judgeSync } from "../../../api/queries-previews";
import { useCreateSync, useSetEnabled, useSync, useUpdateSync } from "../../../api/queries-syncs";
import type { Draft } from "../../../ui/draft";
import type { SyncForm } from "./form";

/** Makes a new sync, and judges its details before it has a query. */
export function useMaking({ value: { name, definition } }: Draft<SyncForm>) {
  const create = useCreateSync();
  const judge = useMutation({ mutationFn: judgeSync });
  const asked = { name: name.trim(), definition };
  return {
    busy: create.isPending || judge.isPending,
    /** What is wrong with it, each finding at its field. */
    error: atName(create.error ?? judge.error, asked.name),
    /** Whether the details are well; `error` says what is not. */
    check: async (): Promise<boolean> => {
      create.reset();
      return judge.mutateAsync(asked).then(
        () => true,
        () => false,
      );
    },
    /** `enable`: whether its schedule counts at once. Returns its name. */
    make: async (enable: boolean): Promise<string> => {
      judge.reset();
      const { enabled: _, ...rest } = definition;
      const made = await create.mutateAsync({
        ...asked,
        definition: enable ? rest : { ...rest, enabled: false },
      });
      return made.name;
    },
  };
}

/** What is said of the sync as a whole is said of its name. */
function atName(error: unknown, name: string): unknown {
  if (!(error instanceof ApiProblem)) return error;
  const { status, code, message, findings } = error;
  const whole = `syncs.${name}`;
  if (code === "name_taken")
    return new ApiProblem(status, code, message, [{ where: `${whole}.name`, message, code }]);
  const told = findings.map((one) => (one.where === whole ? { ...one, where: `${whole}.name` } : one));
  return new ApiProblem(status, code, message, told);
}

/** Saves what was edited, unless somebody else was faster: then the choice is the person's. */
export function useSaving(name: string, draft: Draft<SyncForm>) {
  const sync = useSync(name);
  const update = useUpdateSync();
  const enable = useSetEnabled();
  const [conflict, setConflict] = useState(false);

  async function put(): Promise<boolean> {
    if (!draft.dirty) return true;
    try {
      await update.mutateAsync({ name, etag: sync.data?.etag ?? "", definition: draft.value.definition });
      draft.done();
      return true;
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.code !== "edited") throw error;
      await sync.refetch();
      setConflict(true);
      return false;
    }
  }

  return {
    busy: update.isPending,
    error: update.error instanceof ApiProblem && update.error.code === "edited" ? null : update.error,
    conflict,
    closeConflict: () => setConflict(false),
    openConflict: () => setConflict(true),
    /** Whether it is saved now. */
    save: async (): Promise<boolean> => {
      if (!draft.stale) return put();
      setConflict(true);
      return false;
    },
    /** Mine counts, whatever was saved meanwhile. */
    overwrite: put,
    enable: () => enable.mutateAsync({ name, enabled: true }),
  };
}
