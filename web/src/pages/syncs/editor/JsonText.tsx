import type { ReactNode } from "react";

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/g;
const OPENS = "{[";
const CLOSES = "}]";

/** A body as it goes out, with lines and colours. It is never parsed: each digit of a number is the one that is sent. */
export function JsonText({ text }: { text: string }) {
  if (!OPENS.includes(text.trimStart().charAt(0))) return <pre className="json">{text}</pre>;
  return <pre className="json">{lines(text.match(TOKEN) ?? [])}</pre>;
}

function lines(tokens: readonly string[]): ReactNode[] {
  let depth = 0;
  const feed = () => `\n${"  ".repeat(depth)}`;
  return tokens.map((token, at) => {
    const next = tokens[at + 1] ?? "";
    let after = "";
    if (OPENS.includes(token)) {
      depth += 1;
      after = CLOSES.includes(next) ? "" : feed();
    } else if (token === ",") after = feed();
    else if (token === ":") after = " ";
    if (next !== "" && CLOSES.includes(next)) {
      depth -= 1;
      if (!OPENS.includes(token)) after = feed();
    }
    return (
      // biome-ignore lint/suspicious/noArrayIndexKey: tokens have nothing but their order
      <span key={at} className={kindOf(token, next)}>
        {token + after}
      </span>
    );
  });
}

function kindOf(token: string, next: string): string {
  if (token.startsWith('"')) return next === ":" ? "k" : "s";
  if (/^[-\d]/.test(token)) return "n";
  return /^\w/.test(token) ? "w" : "p";
}
