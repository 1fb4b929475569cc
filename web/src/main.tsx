import "./design/layers.css";
import "./design/tokens.css";
import "./design/base.css";
import "@fontsource-variable/inter/wght.css";
import "@fontsource-variable/jetbrains-mono/wght.css";
import "./design/mantine.css";
import "./design/layout.css";
import "./ui/ui.css";
import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { RouterProvider } from "react-router";
import { client } from "./api/queries";
import { reloadOnce } from "./reload";
import { router } from "./routes";
import { schemeManager, theme } from "./theme";

// A tab from before an upgrade asks for files that are not there any more.
addEventListener("vite:preloadError", (event) => {
  if (reloadOnce()) event.preventDefault();
});

const root = document.getElementById("root");
if (root === null) throw new Error("index.html has no #root");

createRoot(root).render(
  <StrictMode>
    <MantineProvider
      theme={theme}
      colorSchemeManager={schemeManager}
      defaultColorScheme="auto"
      // Their values stand in design/mantine.css, in our tokens; the page makes no style elements of its own.
      withCssVariables={false}
      withGlobalClasses={false}
    >
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
        <Notifications position="bottom-right" autoClose={5_000} limit={4} />
      </QueryClientProvider>
    </MantineProvider>
  </StrictMode>,
);
