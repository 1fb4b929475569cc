import { Button } from "@mantine/core";
import { Link } from "react-router";
import { useDestinations, useSources } from "../../api/queries-connections";
import { useMay } from "../../api/queries-session";
import { paths } from "../../paths";
import { PageBody, PageHead } from "../../ui/PageHead";
import { Tabs, useTab } from "../../ui/Tabs";
import { Connections } from "./Connections";
import { Directory } from "./Directory";
import "./integrations.css";

/** What can be connected, and what is. */
export function Integrations() {
  const sources = useSources().data?.length;
  const destinations = useDestinations().data?.length;
  const may = useMay("connect");
  const known = sources !== undefined && destinations !== undefined;
  const tabs = [
    { value: "directory", label: "Directory" },
    { value: "connections", label: "Connections", ...(known && { count: sources + destinations }) },
  ] as const;
  const open = useTab(tabs);
  return (
    <>
      <PageHead title="Integrations">
        {may && open === "connections" && (
          <Button variant="filled" component={Link} to={paths.integrations}>
            Connect
          </Button>
        )}
      </PageHead>
      <Tabs label="Integrations" tabs={tabs} />
      <PageBody label={open === "directory" ? "Directory" : "Connections"}>
        {open === "directory" ? <Directory /> : <Connections />}
      </PageBody>
    </>
  );
}
