import type { Entry } from "../../../api/queries-settings";
import { CopyField } from "../../../ui/CopyField";
import { Facts } from "../../../ui/Kpi";
import { Time } from "../../../ui/numbers";
import { Changes } from "./Changes";
import { actionWords, whoWords } from "./words";

/** One entry of the audit log, with what was and what is. */
export function EntryDetails({ entry }: { entry: Entry }) {
  const { action, thing, actor, at, via, before, after, hash } = entry;
  return (
    <div className="roomy">
      <Facts
        facts={[
          ["What", actionWords(action)],
          ["Of", thing],
          ["Who", whoWords(actor)],
          ["When", <Time key="when" at={at} />],
          ["From", via || "–"],
        ]}
      />
      <div className="drawer-part">
        <h3>What changed</h3>
        <Changes before={before} after={after} />
      </div>
      <div className="drawer-part">
        <CopyField label="hash of this entry" value={hash} />
      </div>
    </div>
  );
}
