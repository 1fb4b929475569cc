import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Where a `headrace serve` listens, for the development server to pass the API's requests on to. */
const service = process.env.HEADRACE_DEV_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
  plugins: [react()],
  build: {
    // The Python package serves this folder; it travels in the wheel.
    outDir: "../src/headrace/web/static",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // data: addresses of scripts and styles would break the content security policy
    modulePreload: { polyfill: false },
    license: { fileName: "third-party-licenses.md" },
  },
  server: {
    proxy: {
      // The service listens to its own pages only: the proxy presents this one as such.
      "/api": { target: service, ws: true, changeOrigin: true, rewriteWsOrigin: true },
    },
  },
});
