import "./imports.css";
import { Button } from "@mantine/core";
import { IconDatabaseImport } from "@tabler/icons-react";
import { useMemo } from "react";
import { Link } from "react-router";
import { type Run, useRuns, useRunTotals } from "../../api/queries-runs";
import { barOf, SLOTS } from "../../charts/bars";
import { RunsBar, RunsLegend } from "../../charts/RunsBar";
import { paths } from "../../paths";
import { DataTable } from "../../ui/DataTable";
import { EmptyState } from "../../ui/states";
import { useParam, useParamLink } from "../../ui/url";
import { type Filters, useFilters } from "./filter";
import { columns } from "./parts/columns";
import { FilterBar } from "./parts/FilterBar";
import { RunDrawer } from "./parts/RunDrawer";
import { Totals } from "./parts/Totals";

const PAGE = 100;

/** Runs with their figures, chart and filters: of all syncs, of those of one source, or of one sync. */
export function ImportsPane(about: { source?: string; sync?: string }) {
  const filters = useFilters(about);
  const runs = useRuns(filters.wanted, PAGE);
  const totals = useRunTotals(filters.wanted);
  const [open] = useParam("run");
  const link = useParamLink();
  const shown = useMemo(() => columns({ sync: about.sync === undefined }), [about.sync]);
  return (
    <>
      <Totals totals={totals.data} period={filters.period} />
      <Chart runs={runs.data} to={(id) => link("run", id)} />
      <FilterBar filters={filters} {...about} />
      <DataTable
        label="Imports"
        columns={shown}
        query={runs}
        rowKey={(run) => run.id}
        selected={(run) => run.id === open}
        empty={<Nothing filters={filters} />}
        endless
      />
      <RunDrawer />
    </>
  );
}

function Chart({ runs, to }: { runs: readonly Run[] | undefined; to: (id: string) => string }) {
  const bars = useMemo(() => (runs ?? []).slice(0, SLOTS).map(barOf).reverse(), [runs]);
  return (
    <section className="section imports-chart" aria-labelledby="rows-per-import">
      <div className="section-head">
        <h2 id="rows-per-import">Rows per import</h2>
        <span className="faint">last {SLOTS}</span>
        <RunsLegend />
      </div>
      <RunsBar label="Rows per import" bars={bars} to={to} />
    </section>
  );
}

function Nothing({ filters }: { filters: Filters }) {
  if (filters.narrowed) {
    return (
      <EmptyState
        title="No import is like that"
        icon={IconDatabaseImport}
        action={<Button onClick={filters.clear}>Clear filters</Button>}
      >
        None of the runs that are kept has this sync, state and time.
      </EmptyState>
    );
  }
  return (
    <EmptyState
      title="Nothing was imported yet"
      icon={IconDatabaseImport}
      action={
        <Button component={Link} to={paths.syncs}>
          Go to syncs
        </Button>
      }
    >
      Each run of a sync is listed here with what became of its rows. Enable a sync, or run one now.
    </EmptyState>
  );
}
