import type { RouteObject } from "react-router";

export const routes: RouteObject[] = [
  { path: "/login", lazy: async () => ({ Component: (await import("./SignIn")).SignIn }) },
  { path: "/setup", lazy: async () => ({ Component: (await import("./Setup")).Setup }) },
  { path: "/join", lazy: async () => ({ Component: (await import("./Join")).Join }) },
];
