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
  /** On a phone the strip of pages is wider than the screen: the page that one is on is scrolled into view. */
  const show = (strip, here) => {
    if (here) strip.scrollLeft += here.getBoundingClientRect().left - strip.getBoundingClientRect().left - (strip.clientWidth - here.offsetWidth) / 2;
  };

  document.addEventListener("DOMContentLoaded", () => {
    tell();
    show(document.querySelector(".pages"), document.querySelector(".pages [aria-current]"));
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
