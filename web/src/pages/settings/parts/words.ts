const VERBS: Readonly<Record<string, string>> = {
  create: "made",
  update: "changed",
  delete: "deleted",
  refuse: "refused",
  password: "password set",
  invite: "invited again",
  run: "run asked for",
  run_full: "full run asked for",
};

/** `sync.update` → Sync changed. What has no words of its own is said as it stands. */
export function actionWords(action: string): string {
  const dot = action.lastIndexOf(".");
  const [thing, verb] = [action.slice(0, dot), action.slice(dot + 1)];
  const text = `${thing.replaceAll("_", " ")} ${VERBS[verb] ?? verb.replaceAll("_", " ")}`;
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `user:ada@example.com` → ada@example.com; a token and the command line keep their kind. */
export function whoWords(actor: string): string {
  const [kind, name = ""] = actor.split(/:(.*)/s);
  if (kind === "user") return name;
  if (kind === "token") return `token ${name}`;
  if (kind === "local") return `command line, ${name}`;
  return actor;
}
