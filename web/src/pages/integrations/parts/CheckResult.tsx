import { IconAlertTriangle, IconCircleCheck } from "@tabler/icons-react";
import type { ReactNode } from "react";
import type { Check } from "../../../api/queries-connections";
import { CodeBlock } from "../../../ui/CopyField";
import { Facts } from "../../../ui/Kpi";

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1).replaceAll("_", " ");

/** What a connection test found out: problems, warnings, facts, and the statements of an account that only reads. */
export function CheckResult({ check }: { check: Check }) {
  const { grants, ...facts } = check.facts;
  const told = Object.entries(facts);
  return (
    <section className="stack-v check" aria-label="Result of the test">
      {check.ok ? (
        <div className="note ok" role="status">
          <IconCircleCheck size={16} stroke={1.7} aria-hidden />
          <div>The connection works.</div>
        </div>
      ) : (
        <div className="note bad" role="alert">
          <IconAlertTriangle size={16} stroke={1.7} aria-hidden />
          <Sentences title="The connection does not work." all={check.problems} />
        </div>
      )}
      {check.warnings.length > 0 && (
        <div className="note warn">
          <IconAlertTriangle size={16} stroke={1.7} aria-hidden />
          <Sentences title="Worth mending:" all={check.warnings} />
        </div>
      )}
      {check.ok && told.length > 0 && <Facts facts={told.map(([name, value]) => [capital(name), value])} />}
      {grants && (check.warnings.length > 0 || !check.ok) && (
        <div>
          <p className="m-label">Statements for an account that only reads</p>
          <CodeBlock label="grants" code={grants} />
        </div>
      )}
    </section>
  );
}

function Sentences({ title, all }: { title: string; all: readonly string[] }) {
  return (
    <div>
      {title}
      <ul className="note-list">
        {all.map((sentence) => (
          <li key={sentence}>{withSettings(sentence)}</li>
        ))}
      </ul>
    </div>
  );
}

/** The settings that a sentence names in back-ticks, as code. */
function withSettings(sentence: string): ReactNode[] {
  return sentence.split(/`([^`]+)`/).map((part, at) =>
    at % 2 === 0 ? (
      part
    ) : (
      // biome-ignore lint/suspicious/noArrayIndexKey: parts of a sentence have nothing but their place
      <code key={at}>{part}</code>
    ),
  );
}
