import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/integrations", lazy: async () => ({ Component: (await import("./Integrations")).Integrations }) },
  { path: "/integrations/:name/:tab?", lazy: async () => ({ Component: (await import("./Source")).Source }) },
  { path: "/new/source/:type", lazy: async () => ({ Component: (await import("./Connect")).Connect }) },
];
