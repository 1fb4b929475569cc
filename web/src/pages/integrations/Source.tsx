import { Button } from "@mantine/core";
import { Link, useParams } from "react-router";
import { ApiProblem } from "../../api/client";
import { type Connection, useSource } from "../../api/queries-connections";
import { type Connector, useConnectors } from "../../api/queries-connectors";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { Managed } from "../../ui/Chip";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Loaded } from "../../ui/states";
import { NavTabs } from "../../ui/Tabs";
import { ImportsPane } from "../imports/ImportsPane";
import { NotFound } from "../NotFound";
import { SyncsPane } from "../syncs/list/SyncsPane";
import { Access } from "./parts/Access";
import { Mark } from "./parts/Mark";
import { SendCalls } from "./SendCalls";
import { SourceEdit } from "./SourceEdit";
import { SourceOverview } from "./SourceOverview";
import "./integrations.css";

const CRUMBS = [{ label: "Integrations", to: paths.connections }];

interface Tab {
  path: string;
  label: string;
}

/** One source: how it does, its settings, and what has to be done outside for it. */
export function Source() {
  const { name = "", tab = "" } = useParams();
  const source = useSource(name);
  const connectors = useConnectors();
  const may = useMay("edit");
  if (source.error instanceof ApiProblem && source.error.status === 404) {
    return (
      <NotFound
        title={`There is no source called ${name}`}
        to={paths.connections}
        link="See what is connected"
      >
        It may have been deleted, or taken out of its file.
      </NotFound>
    );
  }
  const found = source.data?.value;
  const connector = connectors.data?.find((one) => one.role === "source" && one.type === found?.type);
  const tabs = tabsOf(connector);
  const open = tabs.find(({ path }) => path === tab);
  if (connector && !open) {
    return (
      <NotFound title={`${name} has no page called ${tab}`} to={paths.source(name)} link={`Go to ${name}`}>
        Check the address.
      </NotFound>
    );
  }
  return (
    <>
      <PageHead title={name} crumbs={CRUMBS} tag={found && <Tags source={found} />}>
        {may && (
          <Button variant="filled" component={Link} to={paths.newSync(name)}>
            Add sync
          </Button>
        )}
      </PageHead>
      <NavTabs
        label={name}
        tabs={tabs.map(({ path, label }) => ({ to: paths.source(name, path), label, end: path === "" }))}
      />
      <PageBody label={open?.label ?? name}>
        <Loaded query={source}>
          {(saved) => (
            <Loaded query={connectors}>
              {() => {
                if (tab === "settings") return <SourceEdit key={name} source={saved} connector={connector} />;
                if (tab === "syncs") return <SyncsPane source={name} />;
                if (tab === "imports") return <ImportsPane source={name} />;
                if (tab === "calls") return <SendCalls source={name} />;
                if (tab === "access" && connector) {
                  return (
                    <div className="pad measure">
                      <Access connector={connector} />
                    </div>
                  );
                }
                return <SourceOverview source={saved.value} connector={connector} />;
              }}
            </Loaded>
          )}
        </Loaded>
      </PageBody>
    </>
  );
}

function tabsOf(connector: Connector | undefined): readonly Tab[] {
  return [
    { path: "", label: "Overview" },
    ...(connector?.receives ? [{ path: "calls", label: "Send calls" }] : []),
    { path: "syncs", label: "Syncs" },
    { path: "imports", label: "Imports" },
    { path: "settings", label: "Settings" },
    ...(connector && !connector.receives ? [{ path: "access", label: "Access" }] : []),
  ];
}

function Tags({ source }: { source: Connection }) {
  return (
    <>
      <Mark type={source.type} />
      {source.origin === "file" && <Managed place={source.place} />}
    </>
  );
}
