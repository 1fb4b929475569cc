import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/syncs", lazy: async () => ({ Component: (await import("./Syncs")).Syncs }) },
  { path: "/syncs/:name", lazy: async () => ({ Component: (await import("./Sync")).Sync }) },
  { path: "/new/sync", lazy: async () => ({ Component: (await import("./NewSync")).NewSync }) },
];
