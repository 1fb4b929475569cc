import { SegmentedControl } from "@mantine/core";
import { CodeBlock } from "../../ui/CopyField";
import { useParam } from "../../ui/url";
import { type Language, snippet } from "./parts/snippets";

const LANGUAGES: readonly { value: Language; label: string }[] = [
  { value: "curl", label: "curl" },
  { value: "python", label: "Python" },
  { value: "node", label: "Node" },
];

/** Lines that send a first call; with the key that was just made, or words in its place. */
export function Snippets({ writeKey }: { writeKey: string | null }) {
  const [asked, ask] = useParam("with", "replace");
  const language = LANGUAGES.find(({ value }) => value === asked)?.value ?? "curl";
  return (
    <section className="section snippets">
      <div className="section-head">
        <h2>Send a call</h2>
        <SegmentedControl
          aria-label="Language"
          data={[...LANGUAGES]}
          value={language}
          onChange={(value) => ask(value === "curl" ? null : value)}
        />
      </div>
      <CodeBlock label="example" code={snippet(language, `${location.origin}/v1`, writeKey ?? "WRITE_KEY")} />
      <p className="m-help">
        SDKs of Customer.io, Segment and RudderStack work too: give them the address as their host. While you
        set a program up, send the header <code>X-Strict-Mode: 1</code>: a bad call is then answered with its
        reason.
      </p>
    </section>
  );
}
