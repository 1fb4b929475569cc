import { IconArrowRight } from "@tabler/icons-react";
import type { ReactNode } from "react";
import { Link } from "react-router";
import type { KeptCall } from "../../../api/queries-calls";
import { paths } from "../../../paths";
import { CopyField } from "../../../ui/CopyField";
import { JsonBox } from "../../../ui/JsonBox";
import { Facts } from "../../../ui/Kpi";
import { count } from "../../../ui/numbers";
import { Note } from "../../../ui/states";
import { Values } from "../../../ui/Value";
import { AnswerBox } from "./AnswerBox";
import { Second } from "./moments";

/** The way of one call: the row, the call it became, and what every destination answered. */
export function CallDetail({ call }: { call: KeptCall }) {
  return (
    <div className="stack-v call">
      <Facts facts={facts(call)} />
      {call.message_id && (
        <div className="call-id">
          <span className="faint">messageId</span>
          <CopyField label="messageId" value={call.message_id} />
        </div>
      )}
      {call.reason && (
        <Note tone="bad">
          {call.sync ? "This row became no call." : "This call is invalid."} <bdi>{call.reason}</bdi>
        </Note>
      )}
      <div className="call-way">
        {call.sync ? <Row call={call} /> : call.call === null && <Came call={call} />}
        {call.call !== null && <Became call={call.call} />}
      </div>
      <Answers call={call} />
    </div>
  );
}

function facts(call: KeptCall): [string, ReactNode][] {
  const facts: [string, ReactNode][] = [
    ["At", <Second key="at" at={call.at} />],
    ["Source", <Place key="source" to={paths.source(call.source)} text={call.source} />],
  ];
  if (call.sync) facts.push(["Sync", <Place key="sync" to={paths.sync(call.sync)} text={call.sync} />]);
  if (call.run) {
    facts.push(["Run", <Place key="run" to={paths.imports({ run: call.run })} text={call.run} />]);
    facts.push(["Row", count(call.row)]);
  }
  return facts;
}

function Place({ to, text }: { to: string; text: string }) {
  return (
    <Link className="link" to={to}>
      <bdi>{text}</bdi>
    </Link>
  );
}

function Row({ call }: { call: KeptCall }) {
  return (
    <section aria-label="Row">
      <h3 className="call-head">
        Row
        <IconArrowRight className="call-arrow" size={14} stroke={1.7} aria-hidden />
      </h3>
      <Values label="Row" values={call.values} />
    </section>
  );
}

function Became({ call }: { call: object }) {
  return (
    <section aria-label="Call">
      <h3 className="call-head">Call</h3>
      <JsonBox label="call as JSON" value={call} />
    </section>
  );
}

function Came({ call }: { call: KeptCall }) {
  return (
    <section aria-label="As it came">
      <h3 className="call-head">As it came</h3>
      <JsonBox label="what came" value={call.values} />
    </section>
  );
}

function Answers({ call }: { call: KeptCall }) {
  const answers = Object.entries(call.answers);
  if (call.call === null) return null;
  return (
    <section className="stack-v" aria-label="Destinations">
      <h3>{answers.length === 1 ? "Destination" : "Destinations"}</h3>
      {answers.map(([destination, answer]) => (
        <AnswerBox key={destination} destination={destination} answer={answer} />
      ))}
      {answers.length === 0 && (
        <Note>
          {call.run === null
            ? "Just received. The next run of each sync that reads this source takes it to its destinations."
            : "Nothing was sent."}
        </Note>
      )}
    </section>
  );
}
