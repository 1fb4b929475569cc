import "./destinations.css";
import { Button, TextInput } from "@mantine/core";
import { type FormEvent, useCallback, useEffect } from "react";
import { useNavigate, useParams } from "react-router";
import { ApiProblem } from "../../api/problem";
import { type Definition, useCreateConnection, useTestConnection } from "../../api/queries-connections";
import { type Connector, useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { DraftGuard, useDraft } from "../../ui/draft";
import { fieldErrors } from "../../ui/fieldErrors";
import { fieldPaths, withoutSecrets } from "../../ui/form/model";
import { SchemaForm } from "../../ui/form/SchemaForm";
import { notify } from "../../ui/notify";
import { PageBody, PageHead } from "../../ui/PageHead";
import { ErrorBox, Loaded, Note } from "../../ui/states";
import { NotFound } from "../NotFound";
import { CheckResult } from "./parts/CheckResult";
import { NotForYou } from "./parts/NotForYou";

const CRUMBS = [
  { label: "Destinations", to: paths.destinations },
  { label: "Add destination", to: paths.chooseDestination },
];

/** The second step to a new destination: its settings, a check, and saving it. */
export function NewDestination() {
  const { type = "" } = useParams();
  const connect = useMay("connect");
  const connectors = useConnectors();
  const kind = connectors.data?.find((one) => one.role === "destination" && one.type === type);
  if (connectors.data && !kind) {
    return (
      <NotFound
        title={`Nothing is delivered to ${type} yet`}
        to={paths.chooseDestination}
        link="Choose a system"
      >
        There is no connector of that name for destinations.
      </NotFound>
    );
  }
  return (
    <>
      <PageHead title={kind ? `Add ${kind.title}` : "Add destination"} crumbs={CRUMBS} />
      <PageBody label="Add destination">
        {connect ? (
          <Loaded query={connectors}>{() => kind && <Form key={kind.type} connector={kind} />}</Loaded>
        ) : (
          <NotForYou />
        )}
      </PageBody>
    </>
  );
}

interface New {
  name: string;
  definition: Definition;
}

const EMPTY: New = { name: "", definition: {} };

function Form({ connector }: { connector: Connector }) {
  const { type, title, summary, fields } = connector;
  const keep = useCallback(
    (made: New) => ({ ...made, definition: withoutSecrets(fields, made.definition) }),
    [fields],
  );
  const draft = useDraft<New>(`destination/+new/${type}`, EMPTY, { keep });
  const create = useCreateConnection("destinations");
  const test = useTestConnection("destinations");
  const { name, definition } = draft.value;
  const asked = { ...definition, type };

  const checked = fieldErrors(test.error, "destinations.unsaved", fieldPaths(fields));
  const saved = fieldErrors(create.error, `destinations.${name}`, fieldPaths(fields));
  const named = nameError(create.error, name);
  const saving = useSaved(create.data?.name, title);

  function save(event: FormEvent) {
    event.preventDefault();
    test.reset();
    create.mutate({ name, definition: asked }, { onSuccess: draft.done });
  }
  function check() {
    create.reset();
    test.mutate({ definition: asked });
  }
  return (
    <form className="page-form" onSubmit={save} noValidate>
      <div className="beside">
        <div className="stack-v">
          {draft.restored && (
            <Note>Restored from this browser. Secrets are not kept here: type them again.</Note>
          )}
          <TextInput
            label="Name"
            description="How syncs, runs and files call it: small letters, figures, - and _."
            placeholder={type}
            required
            autoComplete="off"
            spellCheck={false}
            error={named}
            value={name}
            onChange={({ currentTarget }) => draft.set({ ...draft.value, name: currentTarget.value })}
          />
          <SchemaForm
            fields={fields}
            value={definition}
            onChange={(next) => draft.set({ ...draft.value, definition: next })}
            errors={{ ...checked.at, ...saved.at }}
          />
          {!named && <ErrorBox error={saved.rest} />}
          <ErrorBox error={checked.rest} />
        </div>
        <aside className="stack-v" aria-label="About this destination">
          <p className="muted">{summary}</p>
          {test.data ? (
            <CheckResult check={test.data} />
          ) : (
            <Note>Check tries these settings and says exactly what is wrong. It sends no calls.</Note>
          )}
        </aside>
      </div>
      <div className="form-foot">
        <Button type="submit" variant="filled" loading={create.isPending || saving}>
          Save destination
        </Button>
        <Button onClick={check} loading={test.isPending}>
          Check
        </Button>
      </div>
      <DraftGuard draft={saving ? { ...draft, dirty: false } : draft} />
    </form>
  );
}

/** Goes to what was made, after the draft has been forgotten: nobody is asked about unsaved changes. */
function useSaved(made: string | undefined, title: string): boolean {
  const navigate = useNavigate();
  useEffect(() => {
    if (made === undefined) return;
    notify.ok(`${title} is connected as ${made}.`);
    void navigate(paths.destination(made), { replace: true });
  }, [made, title, navigate]);
  return made !== undefined;
}

function nameError(error: unknown, name: string): string | undefined {
  if (!(error instanceof ApiProblem)) return undefined;
  if (error.code === "name_taken" || error.code === "managed_by_file") return error.message;
  const own = error.findings.filter(
    ({ code, where }) =>
      code === "bad_name" || where === "body.name" || (where === "destinations." && name === ""),
  );
  return own.map(({ message }) => message).join(" ") || undefined;
}
