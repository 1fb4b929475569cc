import { Button } from "@mantine/core";
import { IconCircleCheck } from "@tabler/icons-react";
import { Link } from "react-router";
import type { Connection } from "../../api/queries-connections";
import type { Connector } from "../../api/queries-connectors";
import { paths } from "../../paths";
import { SendCalls } from "./SendCalls";

/** It is connected, and what comes next. */
export function Connected({ connector, source }: { connector: Connector; source: Connection }) {
  const { name } = source;
  return (
    <div className="connected">
      <section className="connected-head" role="status">
        <IconCircleCheck size={28} stroke={1.5} aria-hidden />
        <div>
          <h2>{name} is connected</h2>
          <p className="muted">
            {connector.receives
              ? "Programs can send calls to it. Make a write key for the first of them; then add a sync, which says where the calls go."
              : "A sync says what to read: a query whose rows become calls, how often it runs, and where the calls go."}
          </p>
        </div>
      </section>
      <div className="row-h wrap connected-next">
        <Button variant="filled" component={Link} to={paths.newSync(name)}>
          Add your first sync
        </Button>
        <Button component={Link} to={paths.source(name)}>
          Look at {name}
        </Button>
      </div>
      {connector.receives && <SendCalls source={name} />}
    </div>
  );
}
