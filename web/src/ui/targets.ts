import {
  IconActivity,
  IconDatabase,
  IconDatabaseImport,
  IconHome,
  IconLayoutGrid,
  IconPlus,
  IconRefresh,
  IconSend,
  IconSettings,
  IconUsers,
} from "@tabler/icons-react";
import type { ComponentType } from "react";
import { useDestinations, useSources } from "../api/queries-connections";
import { useMay } from "../api/queries-session";
import { useSyncs } from "../api/queries-syncs";
import { paths } from "../paths";

/** Something to jump to. */
export interface Target {
  label: string;
  kind: string;
  to: string;
  icon: ComponentType<{ size?: number; stroke?: number; "aria-hidden"?: boolean }>;
}

const SHOWN = 50;

const PAGES: readonly Target[] = [
  { label: "Overview", kind: "Page", to: paths.overview, icon: IconHome },
  { label: "Integrations", kind: "Page", to: paths.integrations, icon: IconLayoutGrid },
  { label: "Connections", kind: "Page", to: paths.connections, icon: IconDatabase },
  { label: "Syncs", kind: "Page", to: paths.syncs, icon: IconRefresh },
  { label: "Imports", kind: "Page", to: paths.imports(), icon: IconDatabaseImport },
  { label: "Data In", kind: "Page", to: paths.dataIn(), icon: IconActivity },
  { label: "People", kind: "Page", to: paths.people, icon: IconUsers },
  { label: "Destinations", kind: "Page", to: paths.destinations, icon: IconSend },
  { label: "Settings", kind: "Page", to: paths.settings(), icon: IconSettings },
];
const ADD_SYNC: Target = { label: "Add sync", kind: "Action", to: paths.newSync(), icon: IconPlus };
const CONNECT: Target = {
  label: "Connect a database",
  kind: "Action",
  to: `${paths.integrations}?tab=directory`,
  icon: IconPlus,
};

/** Everything there is to jump to, as far as the person may. */
export function useTargets(): Target[] {
  const syncs = useSyncs().data ?? [];
  const sources = useSources().data ?? [];
  const destinations = useDestinations().data ?? [];
  const edit = useMay("edit");
  const connect = useMay("connect");
  return [
    ...PAGES,
    ...(edit ? [ADD_SYNC] : []),
    ...(connect ? [CONNECT] : []),
    ...syncs.map(({ name }) => ({ label: name, kind: "Sync", to: paths.sync(name), icon: IconRefresh })),
    ...sources.map(({ name }) => ({
      label: name,
      kind: "Integration",
      to: paths.source(name),
      icon: IconDatabase,
    })),
    ...destinations.map(({ name }) => ({
      label: name,
      kind: "Destination",
      to: paths.destination(name),
      icon: IconSend,
    })),
  ];
}

/** Those with all the words somewhere; first those that begin with what was typed. */
export function found(targets: readonly Target[], text: string): Target[] {
  const typed = text.trim().toLowerCase();
  const words = typed.split(/\s+/);
  const hits = targets.filter(({ label, kind }) => {
    const full = `${label} ${kind}`.toLowerCase();
    return words.every((word) => full.includes(word));
  });
  const rank = ({ label }: Target) => (label.toLowerCase().startsWith(typed) ? 0 : 1);
  return hits.sort((one, other) => rank(one) - rank(other)).slice(0, SHOWN);
}
