import type { FieldShown } from "../../../api/queries-connectors";

export type ChannelType = "email" | "slack" | "webhook";

export const TYPES: readonly { value: ChannelType; label: string; may: string }[] = [
  { value: "email", label: "E-mail", may: "To one or more addresses, by the mail server of headrace.yaml." },
  { value: "slack", label: "Slack", may: "Into a channel, by an incoming webhook." },
  { value: "webhook", label: "Webhook", may: "As JSON to any address, signed if you like." },
];

export const TROUBLES: readonly { value: string; label: string; means: string }[] = [
  { value: "failed", label: "Failed", means: "The newest run failed." },
  { value: "partial", label: "Partial", means: "More rows than the share below were not delivered." },
  { value: "late", label: "Late", means: "No run has ended well for longer than it may take." },
  { value: "empty", label: "Empty", means: "A run had no rows, where the three good ones before had some." },
];

const field = (
  name: string,
  kind: FieldShown["kind"],
  help: string,
  more: Partial<FieldShown> = {},
): FieldShown => ({
  name,
  kind,
  help,
  required: false,
  default: null,
  example: null,
  choices: [],
  minimum: null,
  maximum: null,
  fields: [],
  ...more,
});

/** The settings of each type of channel. */
export const FIELDS: Readonly<Record<ChannelType, readonly FieldShown[]>> = {
  email: [field("to", "list", "Who gets the alerts. Press Enter after each address.", { required: true })],
  slack: [
    field("url", "secret", "The address of the incoming webhook: whoever has it can post.", {
      required: true,
    }),
  ],
  webhook: [
    field("url", "url", "Where alerts are posted.", {
      required: true,
      example: "https://alerts.example.com/headrace",
    }),
    field("signing_secret", "secret", "Signs each alert, as it does for the destination webhook."),
  ],
};

/** What every channel has, beside the troubles and syncs that it is for. */
export const THRESHOLDS: readonly FieldShown[] = [
  field("partial_above", "number", "Percent of rows that may fail before a run counts as partial.", {
    default: 0,
  }),
  field(
    "late_after",
    "text",
    "How long after its due time a sync is late. Without it: its own interval, at least 15 minutes.",
    {
      example: "2 hours",
    },
  ),
];

export const PATHS = [
  "type",
  "on",
  "syncs",
  "to",
  "url",
  "signing_secret",
  "partial_above",
  "late_after",
] as const;
