// Runs before the first paint, so that nobody who chose the dark is blinded first. The same rule stands in
// src/theme.ts, for changes later on.
(() => {
  let wanted = "auto";
  try {
    wanted = localStorage.getItem("headrace.scheme") ?? "auto";
  } catch {
    // A browser that keeps nothing for us follows the system.
  }
  const dark = wanted === "auto" ? matchMedia("(prefers-color-scheme: dark)").matches : wanted === "dark";
  document.documentElement.dataset.mantineColorScheme = dark ? "dark" : "light";
})();
