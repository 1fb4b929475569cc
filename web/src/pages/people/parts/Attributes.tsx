import { IconTags } from "@tabler/icons-react";
import { CopyButton } from "../../../ui/CopyField";
import { EmptyState } from "../../../ui/states";
import { plain, Values } from "../../../ui/Value";

/** All attributes by name. */
export function Attributes({ values }: { values: Record<string, unknown> }) {
  if (Object.keys(values).length === 0) {
    return (
      <EmptyState icon={IconTags} title="No attributes">
        Attributes are the traits of identify and group calls. None has brought any yet.
      </EmptyState>
    );
  }
  return (
    <section className="section attributes">
      <div className="section-head">
        <h2>Attributes</h2>
        <span className="push">
          <CopyButton label="Copy all as JSON" value={plain(values, 2)} />
        </span>
      </div>
      <Values label="Attributes" values={values} sorted />
    </section>
  );
}
