import { createBrowserRouter, type RouteObject } from "react-router";
import { routes as dataIn } from "./pages/datain/routes";
import { routes as destinations } from "./pages/destinations/routes";
import { routes as imports } from "./pages/imports/routes";
import { routes as integrations } from "./pages/integrations/routes";
import { Lost } from "./pages/NotFound";
import { routes as overview } from "./pages/overview/routes";
import { PageError, RootError } from "./pages/PageError";
import { routes as people } from "./pages/people/routes";
import { routes as session } from "./pages/session/routes";
import { routes as settings } from "./pages/settings/routes";
import { routes as syncs } from "./pages/syncs/routes";
import { Shell, Waiting } from "./ui/Shell";

const areas = [overview, integrations, syncs, imports, dataIn, people, destinations, settings];

// Each area has its own list; each page is a file that is loaded when somebody goes there.
const inside: RouteObject[] = [
  { ErrorBoundary: PageError, children: [...areas.flat(), { path: "*", Component: Lost }] },
];

export const router = createBrowserRouter([
  {
    ErrorBoundary: RootError,
    HydrateFallback: Waiting,
    children: [...session, { Component: Shell, children: inside }],
  },
]);
