import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/data-in", lazy: async () => ({ Component: (await import("./DataIn")).DataIn }) },
];
