import { IconFileText } from "@tabler/icons-react";
import { type About as Facts_, useAbout } from "../../api/queries-settings";
import { useStatus } from "../../api/queries-status";
import { type Column, DataTable } from "../../ui/DataTable";
import { Facts } from "../../ui/Kpi";
import { Time } from "../../ui/numbers";
import { SearchField } from "../../ui/SearchField";
import { EmptyState, Loaded } from "../../ui/states";
import { useParam } from "../../ui/url";
import { Part } from "./parts/Part";

const STORES = { sqlite: "SQLite", postgresql: "PostgreSQL" } as const;

/** What runs here, and what it is made of. */
export function About() {
  const about = useAbout();
  const store = useStatus().data?.store;
  return (
    <>
      <Part title="This service">
        <Loaded query={about}>
          {({ version, python, platform, started_at }) => (
            <Facts
              facts={[
                [
                  "Headrace",
                  <span key="version" className="num">
                    {version}
                  </span>,
                ],
                ["Store", store ? STORES[store] : "–"],
                [
                  "Python",
                  <span key="python" className="num">
                    {python}
                  </span>,
                ],
                ["Machine", platform],
                ["Runs since", <Time key="since" at={started_at} />],
              ]}
            />
          )}
        </Loaded>
      </Part>
      <Part
        title="Licences of this page"
        lead="Headrace itself is free software under the Apache License 2.0. The page is made of the work of many others; their licences travel with it."
      >
        <div>
          <a className="link row-h" href="/third-party-licenses.md" target="_blank" rel="noreferrer">
            <IconFileText size={15} stroke={1.7} aria-hidden />
            third-party-licenses.md
          </a>
        </div>
      </Part>
      <Packages about={about} />
    </>
  );
}

type Package = Facts_["packages"][number];

const COLUMNS: readonly Column<Package>[] = [
  { key: "name", head: "Package", spot: "title", cell: ({ name }) => name },
  {
    key: "version",
    head: "Version",
    spot: "top-right",
    cell: ({ version }) => <span className="num muted">{version}</span>,
  },
  {
    key: "licence",
    head: "Licence",
    spot: "line",
    cell: ({ licence }) => <span className="muted wrap">{licence || "not told"}</span>,
  },
];

function Packages({ about }: { about: ReturnType<typeof useAbout> }) {
  const wanted = (useParam("q")[0] ?? "").toLowerCase();
  const packages = about.data?.packages;
  return (
    <Part
      wide
      title="Python packages"
      lead="What is installed beside it, with the licences that they name themselves."
    >
      <div className="tools">
        <SearchField label="Filter packages" />
      </div>
      <DataTable
        label="Python packages"
        columns={COLUMNS}
        query={{ ...about, data: packages }}
        rows={packages?.filter(({ name, licence }) => `${name} ${licence}`.toLowerCase().includes(wanted))}
        rowKey={({ name }) => name}
        empty={<EmptyState title="No package matches">Try another name or licence.</EmptyState>}
      />
    </Part>
  );
}
