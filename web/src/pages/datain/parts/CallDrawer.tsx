import { useCall, useCallOfMessage } from "../../../api/queries-calls";
import { Tag } from "../../../ui/Chip";
import { Drawer } from "../../../ui/Drawer";
import { EmptyState, Loaded } from "../../../ui/states";
import { CallDetail } from "./CallDetail";
import { CallOutcome } from "./outcome";
import { type ListedCall, nameOf } from "./useTail";

/** One call in a sheet, while the address names it: `?call=4711`, or `?call=app/m-1` of one that no run has yet. */
export function CallDrawer({ calls }: { calls: readonly ListedCall[] }) {
  return (
    <Drawer param="call" label="Call" size={880} head={(address) => <Head call={there(calls, address)} />}>
      {(address) => <Shown address={address} call={there(calls, address)} />}
    </Drawer>
  );
}

function there(calls: readonly ListedCall[], address: string): ListedCall | undefined {
  return calls.find((call) => (isId(address) ? String(call.id) === address : nameOf(call) === address));
}

function isId(address: string): boolean {
  return /^\d{1,15}$/.test(address);
}

function Head({ call }: { call: ListedCall | undefined }) {
  return (
    <>
      <h2>Call</h2>
      {call?.kind && <Tag>{call.kind}</Tag>}
      {call && <CallOutcome call={call} />}
    </>
  );
}

function Shown({ address, call }: { address: string; call: ListedCall | undefined }) {
  if (call) return <CallDetail call={call} />;
  return isId(address) ? <Kept id={address} /> : <Named address={address} />;
}

function Kept({ id }: { id: string }) {
  return <Loaded query={useCall(id)}>{(call) => <CallDetail call={call} />}</Loaded>;
}

function Named({ address }: { address: string }) {
  const [source = "", ...message] = address.split("/");
  const found = useCallOfMessage(source, message.join("/"));
  return (
    <Loaded query={found}>
      {(call) =>
        call ? (
          <CallDetail call={call} />
        ) : (
          <EmptyState title="This call is not kept">
            It was shown as it came in. It is kept once a sync that reads its source has taken it up, if it is
            among the first calls of that run.
          </EmptyState>
        )
      }
    </Loaded>
  );
}
