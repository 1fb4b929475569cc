import { useState } from "react";
import { useMay } from "../../api/queries-session";
import { CopyField } from "../../ui/CopyField";
import { Note } from "../../ui/states";
import { Snippets } from "./Snippets";
import { WriteKeys } from "./WriteKeys";

/** How programs send calls to a source: the address, the keys, and lines to copy. */
export function SendCalls({ source }: { source: string }) {
  const may = useMay("administer");
  // The key itself is in memory as long as this is open, and nowhere else in the browser.
  const [made, setMade] = useState<string | null>(null);
  return (
    <div className="send-calls">
      <section className="section">
        <div className="section-head">
          <h2>Address</h2>
          <span className="muted">
            What an SDK calls host or endpoint; without /v1 where it adds that itself.
          </span>
        </div>
        <div className="measure">
          <CopyField label="address" value={`${location.origin}/v1`} />
        </div>
      </section>
      {may ? (
        <WriteKeys source={source} made={made} onMade={setMade} />
      ) : (
        <section className="section">
          <Note>Owners make the write keys that programs send with. Ask one of them for a key.</Note>
        </section>
      )}
      <Snippets writeKey={made} />
    </div>
  );
}
