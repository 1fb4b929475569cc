/** Every address of the page, in one place: pages link by these. */
export const paths = {
  overview: "/",
  integrations: "/integrations",
  /** The directory of connectors, or what is connected. */
  connections: "/integrations?tab=connections",
  source: (name: string, tab?: string) => `/integrations/${seg(name)}${tab ? `/${tab}` : ""}`,
  newSource: (type: string) => `/new/source/${seg(type)}`,
  syncs: "/syncs",
  sync: (name: string, tab?: string) => `/syncs/${seg(name)}${tab ? `?tab=${tab}` : ""}`,
  // Not below /syncs: a sync may be called "new".
  newSync: (source?: string) => `/new/sync${source ? `?source=${seg(source)}` : ""}`,
  imports: (filter: { sync?: string; run?: string } = {}) => `/imports${query(filter)}`,
  dataIn: (filter: { source?: string; sync?: string; run?: string } = {}) => `/data-in${query(filter)}`,
  people: "/people",
  peopleOf: (workspace: string, q?: string) => `/people${query({ workspace, q })}`,
  person: (id: number, workspace: string) => `/people/${id}${query({ workspace })}`,
  objects: (workspace: string, filter: { type?: string; q?: string } = {}) =>
    `/people/objects${query({ workspace, ...filter })}`,
  object: (id: number, workspace: string) => `/people/objects/${id}${query({ workspace })}`,
  destinations: "/destinations",
  destination: (name: string) => `/destinations/${seg(name)}`,
  chooseDestination: "/new/destination",
  newDestination: (type: string) => `/new/destination/${seg(type)}`,
  settings: (page?: string) => `/settings${page ? `/${page}` : ""}`,
  login: "/login",
  setup: "/setup",
  join: "/join",
} as const;

const seg = encodeURIComponent;

function query(params: Record<string, string | undefined>): string {
  const given = Object.entries(params).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length > 0 ? `?${new URLSearchParams(given)}` : "";
}
