import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  {
    path: "/settings",
    lazy: async () => ({ Component: (await import("./Settings")).Settings }),
    children: [
      { index: true, lazy: async () => ({ Component: (await import("./Settings")).ToAccount }) },
      { path: "account", lazy: async () => ({ Component: (await import("./Account")).Account }) },
      { path: "people", lazy: async () => ({ Component: (await import("./People")).People }) },
      { path: "tokens", lazy: async () => ({ Component: (await import("./Tokens")).Tokens }) },
      { path: "write-keys", lazy: async () => ({ Component: (await import("./WriteKeys")).WriteKeys }) },
      { path: "secrets", lazy: async () => ({ Component: (await import("./Secrets")).Secrets }) },
      { path: "alerts", lazy: async () => ({ Component: (await import("./Alerts")).Alerts }) },
      { path: "retention", lazy: async () => ({ Component: (await import("./General")).General }) },
      { path: "network", lazy: async () => ({ Component: (await import("./Network")).Network }) },
      { path: "audit", lazy: async () => ({ Component: (await import("./Audit")).Audit }) },
      { path: "about", lazy: async () => ({ Component: (await import("./About")).About }) },
    ],
  },
];
