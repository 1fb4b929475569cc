import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/destinations", lazy: async () => ({ Component: (await import("./Destinations")).Destinations }) },
  {
    path: "/destinations/:name",
    lazy: async () => ({ Component: (await import("./Destination")).Destination }),
  },
  {
    path: "/new/destination",
    lazy: async () => ({ Component: (await import("./ChooseDestination")).ChooseDestination }),
  },
  {
    path: "/new/destination/:type",
    lazy: async () => ({ Component: (await import("./NewDestination")).NewDestination }),
  },
];
