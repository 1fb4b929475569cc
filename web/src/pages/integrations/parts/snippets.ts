export type Language = "curl" | "python" | "node";

/** A program that sends one call, with nothing to install. */
export function snippet(language: Language, address: string, key: string): string {
  return { curl, python, node }[language](address, key);
}

const curl = (address: string, key: string) => `curl ${address}/track \\
  --user ${key}: \\
  --header "Content-Type: application/json" \\
  --data '{"userId": "u1", "event": "Order placed", "properties": {"total": 25}}'
`;

const python = (address: string, key: string) => `import base64
import json
import urllib.request

CREDENTIALS = base64.b64encode(b"${key}:").decode()


def send(kind, call):
    """kind: identify, track, page, screen, group or alias."""
    request = urllib.request.Request(
        f"${address}/{kind}",
        json.dumps(call).encode(),
        {"Authorization": f"Basic {CREDENTIALS}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request):
        pass


send("track", {"userId": "u1", "event": "Order placed", "properties": {"total": 25}})
`;

const node = (address: string, key: string) => `const credentials = Buffer.from("${key}:").toString("base64");

/** kind: identify, track, page, screen, group or alias. */
async function send(kind, call) {
  const answer = await fetch(\`${address}/\${kind}\`, {
    method: "POST",
    headers: { Authorization: \`Basic \${credentials}\`, "Content-Type": "application/json" },
    body: JSON.stringify(call),
  });
  if (!answer.ok) throw new Error(await answer.text());
}

send("track", { userId: "u1", event: "Order placed", properties: { total: 25 } });
`;
