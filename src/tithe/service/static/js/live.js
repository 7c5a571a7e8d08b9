// Parts of a page marked data-live are drawn by the server; when the project changes they are fetched anew and put in
// place, unless somebody is using them.

import { Problem, project } from "./api.js";

const CALM_MS = 800; // changes that come faster are shown together
const AGAIN_MS = 5_000;

let asked = 0;
const shown = {}; // of each mark, the number of the request that is shown

/** Puts the marked parts of the page's address, as they are now, in the place of those that are shown. Throws Problem. */
export async function refresh(mark = "[data-live]") {
  const own = ++asked;
  const response = await fetch(location.href, { headers: { Accept: "text/html" } }).catch(() => null);
  if (!response?.ok) throw new Problem(response?.status ?? 0, {});
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html").querySelectorAll(mark);
  if (own < shown[mark]) return; // overtaken: what is shown was asked for later
  shown[mark] = own;
  document.querySelectorAll(mark).forEach((old, place) => {
    const other = fresh[place];
    if (!other) return;
    keepPlace(old, () => old.replaceChildren(...document.adoptNode(other).childNodes));
  });
  document.dispatchEvent(new CustomEvent("refreshed"));
}

/** Calls `change`, and gives the focus and the opened details back to the element at the same place. */
function keepPlace(part, change) {
  const order = (of) => [...of.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")];
  const focused = order(part).indexOf(document.activeElement);
  const open = [...part.querySelectorAll("details")].map((one) => one.open);
  const scrolled = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  change();
  part.querySelectorAll("details").forEach((one, place) => place in open && (one.open = open[place]));
  part.querySelectorAll(".scroll").forEach((one, place) => (one.scrollLeft = scrolled[place] ?? 0));
  if (focused >= 0) order(part)[focused]?.focus({ preventScroll: true });
}

/** Refreshes whenever the server says that something changed. */
function follow() {
  let last = document.querySelector('meta[name="status"]').content; // of when the page was drawn
  let changed = false;
  let running = false;
  let wait = CALM_MS;
  const source = new EventSource(project("/events"));
  source.addEventListener("status", async (event) => {
    changed ||= last !== event.data;
    last = event.data;
    if (running) return;
    running = true;
    while (changed) {
      await new Promise((done) => setTimeout(done, wait));
      changed = false;
      // One behind the other. What fails is tried again: there may be no next change.
      await refresh().then(
        () => (wait = CALM_MS),
        () => ([changed, wait] = [true, AGAIN_MS]),
      );
    }
    running = false;
  });
  addEventListener("pagehide", () => source.close());
}

/** Writes the moments of the page in the reader's own time zone and language. */
export function localTimes() {
  const words = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll("time[data-local]")) time.textContent = words.format(new Date(time.dateTime));
}

document.addEventListener("refreshed", localTimes);
localTimes();
if (document.querySelector("[data-live]")) follow();
