// Light or dark: the system's choice until the person makes one, which this browser keeps.
(() => {
  const KEY = "tithe-theme";
  const system = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;
  const chosen = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage is shut off: the system decides
    }
  };
  const isDark = () => (root.dataset.theme || (system.matches ? "dark" : "light")) === "dark";
  const tell = () => document.getElementById("theme")?.setAttribute("aria-pressed", String(isDark()));

  if (chosen()) root.dataset.theme = chosen();
  system.addEventListener("change", tell);
  document.addEventListener("DOMContentLoaded", () => {
    tell();
    document.getElementById("theme")?.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try {
        localStorage.setItem(KEY, root.dataset.theme);
      } catch {
        // For this page only, then.
      }
      tell();
    });
  });
})();
