import { Button } from "@mantine/core";
import { IconBell } from "@tabler/icons-react";
import { Link } from "react-router";
import { type Channel, useChannels, useTestChannel } from "../../../api/queries-alerts";
import { useMay } from "../../../api/queries-session";
import { Chip, Managed } from "../../../ui/Chip";
import { type Column, DataTable } from "../../../ui/DataTable";
import { Drawer } from "../../../ui/Drawer";
import { EmptyState, ErrorBox, Note } from "../../../ui/states";
import { useParam, useParamLink } from "../../../ui/url";
import { ChannelDrawer } from "./ChannelDrawer";
import { ChannelForm } from "./ChannelForm";
import { TROUBLES, TYPES } from "./channels";
import { Part } from "./Part";

/** Who is told; each channel can be tried. */
export function Channels() {
  const channels = useChannels();
  const connect = useMay("connect");
  const test = useTestChannel();
  const link = useParamLink();
  const [, openNew] = useParam("new", "replace");
  const add = connect && (
    <Button variant="filled" component={Link} to={link("new", "channel")}>
      Add a channel
    </Button>
  );
  return (
    <Part
      wide
      title="Channels"
      lead="Each is told once when a sync gets into trouble, and once when it has recovered."
      action={add}
    >
      <TestResult test={test} />
      <DataTable
        label="Channels"
        columns={columns(link, connect, test)}
        query={channels}
        rowKey={({ name }) => name}
        empty={
          <EmptyState icon={IconBell} title="Nobody is told yet">
            {connect ? "Add a channel: e-mail, Slack, or a webhook." : "An owner adds the first channel."}
          </EmptyState>
        }
      />
      <Drawer param="new" label="Add a channel" size={480}>
        {() => <ChannelForm found={null} onSaved={() => openNew(null)} />}
      </Drawer>
      <Drawer param="channel" label="Channel" size={480} head={(name) => <h2 className="clip">{name}</h2>}>
        {(name) => <ChannelDrawer key={name} name={name} />}
      </Drawer>
    </Part>
  );
}

type Test = ReturnType<typeof useTestChannel>;

function columns(link: ReturnType<typeof useParamLink>, connect: boolean, test: Test): Column<Channel>[] {
  const tried = test.isPending ? test.variables : null;
  return [
    {
      key: "name",
      head: "Name",
      spot: "title",
      cell: ({ name, origin, place }) => (
        <span className="row-h">
          <Link to={link("channel", name)}>{name}</Link>
          {origin === "file" && <Managed place={place} />}
        </span>
      ),
    },
    {
      key: "type",
      head: "How",
      spot: "left",
      cell: (channel) => <span className="muted">{typeWord(channel)}</span>,
    },
    {
      key: "on",
      head: "Told",
      spot: "line",
      cell: (channel) => <span className="muted">{toldWords(channel)}</span>,
    },
    {
      key: "syncs",
      head: "Of",
      spot: "left",
      cell: (channel) => <span className="muted clip">{listed(channel, "syncs") || "all syncs"}</span>,
    },
    {
      key: "state",
      head: "State",
      spot: "top-right",
      cell: ({ findings }) =>
        findings.length > 0 ? <Chip tone="bad">Broken</Chip> : <Chip tone="ok">Ready</Chip>,
    },
    {
      key: "test",
      head: <span className="sr">Test</span>,
      spot: "right",
      align: "right",
      cell: ({ name, findings }) =>
        connect &&
        findings.length === 0 && (
          <Button
            aria-label={`Send a test to ${name}`}
            loading={tried === name}
            onClick={() => test.mutate(name)}
          >
            Send a test
          </Button>
        ),
    },
  ];
}

/** How the last test went, exactly as the channel said it. */
function TestResult({ test }: { test: Test }) {
  const { data, error, variables } = test;
  return (
    <div role="status" className="test-result">
      {data?.ok && <Note tone="ok">The test message to {variables} is sent: look whether it is there.</Note>}
      {[...(data?.problems ?? [])].map((text) => (
        <Note key={text} tone="bad">
          {text}
        </Note>
      ))}
      {[...(data?.warnings ?? [])].map((text) => (
        <Note key={text} tone="warn">
          {text}
        </Note>
      ))}
      <ErrorBox error={error} />
    </div>
  );
}

function typeWord({ definition: { type } }: Channel): string {
  return TYPES.find(({ value }) => value === type)?.label ?? String(type);
}

function listed({ definition }: Channel, key: string): string {
  const value = definition[key];
  return Array.isArray(value) ? value.join(", ") : "";
}

function toldWords(channel: Channel): string {
  const on = channel.definition.on;
  const wanted = Array.isArray(on) ? on : TROUBLES.map(({ value }) => value);
  return TROUBLES.filter(({ value }) => wanted.includes(value))
    .map(({ label }) => label.toLowerCase())
    .join(", ");
}
