import { useParams } from "react-router";
import { useSource } from "../../api/queries-connections";
import { type Connector, useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { PageBody, PageHead } from "../../ui/PageHead";
import { EmptyState, Loaded } from "../../ui/states";
import { useParam } from "../../ui/url";
import { NotFound } from "../NotFound";
import { Connected } from "./Connected";
import { ConnectForm } from "./ConnectForm";
import { Mark } from "./parts/Mark";
import { Steps } from "./parts/Steps";
import "./integrations.css";

const CRUMBS = [{ label: "Integrations", to: paths.integrations }];

/** Connects a source: its form, the test, and what comes next. With `?name=` it was saved on the way. */
export function Connect() {
  const { type = "" } = useParams();
  const connectors = useConnectors();
  const may = useMay("connect");
  const connector = connectors.data?.find((one) => one.role === "source" && one.type === type);
  if (connectors.data && !connector) {
    return (
      <NotFound
        title={`There is no connector called ${type}`}
        to={paths.integrations}
        link="Open the directory"
      >
        The directory lists all databases and other sources that can be connected.
      </NotFound>
    );
  }
  const title = `Connect ${connector?.title ?? "a database"}`;
  return (
    <>
      <PageHead title={title} crumbs={CRUMBS} />
      <PageBody label={title}>
        {may ? (
          <Loaded query={connectors}>{() => connector && <Stage connector={connector} />}</Loaded>
        ) : (
          <EmptyState title="Owners connect databases">
            Ask an owner of this workspace to connect it.
          </EmptyState>
        )}
      </PageBody>
    </>
  );
}

function Stage({ connector }: { connector: Connector }) {
  const [name] = useParam("name");
  const [connected] = useParam("connected");
  const source = useSource(name ?? undefined);
  const at = connected === null ? 2 : 3;
  return (
    <div className="connect">
      <header className="connect-head">
        <Mark type={connector.type} large />
        <div>
          <h2>{connector.title}</h2>
          <p className="muted">{connector.summary}</p>
        </div>
        <Steps at={at} last={connector.receives ? "Send the first call" : "Add your first sync"} />
      </header>
      {name === null ? (
        <ConnectForm connector={connector} saved={null} />
      ) : (
        <Loaded query={source}>
          {(saved) =>
            connected === null ? (
              <ConnectForm key={name} connector={connector} saved={saved} />
            ) : (
              <Connected connector={connector} source={saved.value} />
            )
          }
        </Loaded>
      )}
    </div>
  );
}
