import { Button } from "@mantine/core";
import { IconCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { useDestinations, useSources } from "../../../api/queries-connections";
import { useMay } from "../../../api/queries-session";
import { paths } from "../../../paths";

/** The way from an empty service to the first sync. */
export function FirstSteps() {
  const sources = useSources().data?.length ?? 0;
  const destinations = useDestinations().data?.length ?? 0;
  const connect = useMay("connect");
  const edit = useMay("edit");
  return (
    <section className="pad first-steps" aria-labelledby="first-steps">
      <h2 id="first-steps">Three steps to your first sync</h2>
      <p className="muted">Rows of your database become calls in the tools where they do work.</p>
      <ol>
        <Step
          number={1}
          title="Connect a database"
          done={sources > 0}
          action={connect && <To to={`${paths.integrations}?tab=directory`}>Choose a database</To>}
        >
          Headrace only ever reads it. A user that can do no more is best, and the form has the statement that
          makes one.
        </Step>
        <Step
          number={2}
          title="Add a destination"
          done={destinations > 0}
          action={connect && <To to={paths.destinations}>Choose a destination</To>}
        >
          Customer.io, Mixpanel, a webhook, or the workspace that is built in, to try it without any account.
        </Step>
        <Step
          number={3}
          title="Add a sync"
          done={false}
          action={edit && sources > 0 && destinations > 0 && <To to={paths.newSync()}>Add sync</To>}
        >
          Write the query, see the calls that its rows become before anything is sent, and enable it.
        </Step>
      </ol>
      {!edit && <p className="muted">Your role lets you look. Somebody who may edit takes these steps.</p>}
    </section>
  );
}

interface StepProps {
  number: number;
  title: string;
  done: boolean;
  action: ReactNode;
  children: string;
}

function Step({ number, title, done, action, children }: StepProps) {
  return (
    <li className={done ? "done" : undefined}>
      <span className="step-mark" aria-hidden>
        {done ? <IconCheck size={15} stroke={2} /> : number}
      </span>
      <div>
        <h3>
          {title}
          {done && <span className="sr"> (done)</span>}
        </h3>
        <p className="muted">{children}</p>
        {!done && action}
      </div>
    </li>
  );
}

function To({ to, children }: { to: string; children: string }) {
  return (
    <Button mt={10} component={Link} to={to}>
      {children}
    </Button>
  );
}
