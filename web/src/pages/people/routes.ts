import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/people", lazy: async () => ({ Component: (await import("./People")).People }) },
  { path: "/people/:id", lazy: async () => ({ Component: (await import("./Person")).Person }) },
  { path: "/people/objects", lazy: async () => ({ Component: (await import("./Objects")).Objects }) },
  {
    path: "/people/objects/:id",
    lazy: async () => ({ Component: (await import("./ObjectPage")).ObjectPage }),
  },
];
