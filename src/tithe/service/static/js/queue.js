// The questions of this tab: the one that is shown, the next one in reserve, and the leases on both.

import { api, project } from "./api.js";

const RENEW_MS = 60_000;
const RESERVE = 1; // further ahead, questions would not know the last answers
const AGAIN_MS = 4_000;
const STALE_MS = 60_000; // an answer of the server that was on its way may still name an item that is answered by now

/** Holds an item against other tabs of this browser for as long as this page lives; null where another tab has it. */
function claim(id) {
  if (!navigator.locks) return Promise.resolve(() => {});
  return new Promise((told) => {
    navigator.locks.request(`tithe-item:${project()}:${id}`, { ifAvailable: true }, (lock) => {
      if (!lock) return told(null);
      return new Promise((free) => told(free));
    });
  });
}

/** Fires "change" when there may be something new to show, and "lost" (detail: the item) when a lease was lost. */
export class Queue extends EventTarget {
  constructor(outbox) {
    super();
    this.outbox = outbox;
    this.held = new Map(); // id -> what frees it for other tabs
    this.dropped = new Map(); // id -> the same for what is answered, and the timer that will call it
    this.answered = new Set(); // in this tab
    this.reserve = [];
    this.shown = null;
    this.reason = null; // why there is nothing
    this.trouble = null; // why nothing can be fetched
    this.timer = 0;
    this.filling = null; // the fetch that is under way
    setInterval(() => this.renew(), RENEW_MS);
    document.addEventListener("visibilitychange", () => document.hidden || this.renew());
    outbox.addEventListener("sent", (event) => event.detail.entry.kind === "undo" && this.renew()); // its answer ended the lease
    addEventListener("pagehide", () => this.leave());
    addEventListener("pageshow", (event) => event.persisted && location.reload());
  }

  /** The next question, or null while there is none; a reserve is fetched meanwhile. */
  take() {
    this.shown = this.reserve.shift() ?? null;
    this.fill();
    return this.shown;
  }

  /** Puts a question back in front of the others: to show it again after another one. */
  putBack(item) {
    this.reserve.unshift(item);
  }

  /** Keeps an item for this tab, whichever tab had it. */
  async hold(id) {
    const had = this.restore(id);
    if (this.held.has(id)) return;
    const nothing = () => {};
    this.held.set(id, had ?? nothing);
    if (had) return;
    const free = await claim(id);
    if (this.held.get(id) === nothing) this.held.set(id, free ?? nothing);
    else free?.(); // answered meanwhile
  }

  /** The item may be asked again, in whichever tab: its answer was taken back. */
  allow(id) {
    this.restore(id)?.();
  }

  /** The item is not answered after all; what frees it for other tabs, if that has not happened yet. */
  restore(id) {
    this.answered.delete(id);
    const [free, timer] = this.dropped.get(id) ?? [];
    clearTimeout(timer);
    this.dropped.delete(id);
    return free;
  }

  /** The item is answered: nobody shall be shown it again. */
  drop(id) {
    this.answered.add(id);
    const free = this.held.get(id);
    if (free) this.dropped.set(id, [free, setTimeout(() => (this.dropped.delete(id), free()), STALE_MS)]);
    this.held.delete(id);
    this.reserve = this.reserve.filter((one) => one.id !== id);
  }

  /** One certain item, from the history or a search. Throws Problem. */
  async fetch(id) {
    const said = await api("GET", project(`/next?item=${encodeURIComponent(id)}`));
    const item = said.items[0];
    if (!item) throw new Error("Somebody else is labelling this item just now.");
    await this.hold(id);
    this.reserve = this.reserve.filter((one) => one.id !== id);
    return item;
  }

  /** The item is somebody else's now. */
  lose(id) {
    this.held.get(id)?.();
    this.held.delete(id);
    this.reserve = this.reserve.filter((one) => one.id !== id);
  }

  /** Fetches until there is a reserve. */
  fill() {
    if (this.filling === null) {
      clearTimeout(this.timer); // what is under way sets its own, and would be left without one
      this.filling = this.fetchMore().finally(() => (this.filling = null));
    }
    return this.filling;
  }

  async fetchMore() {
    let others = 0; // items of ours that another tab shows
    try {
      for (let round = 0; round < 4 && this.reserve.length < RESERVE + (this.shown ? 0 : 1); round++) {
        const waiting = this.outbox.items;
        const n = Math.min(100, new Set([...this.held.keys(), ...waiting]).size + others + 1);
        const said = await api("GET", project(`/next?n=${n}`));
        this.trouble = null;
        this.reason = said.items.length ? null : said.reason;
        let found = 0;
        for (const item of said.items) {
          if ([this.held, this.answered, waiting, this.outbox.items].some((known) => known.has(item.id))) continue;
          const free = await claim(item.id);
          if (free === null) {
            others++;
            continue;
          }
          const opened = this.held.has(item.id); // meanwhile, from a search or the history
          this.held.set(item.id, free);
          if (opened) continue;
          this.reserve.push(item);
          found++;
        }
        if (!found && said.items.length < n) {
          this.reason ??= said.reason ?? (others ? "the last items are open in another tab of yours" : null);
          break;
        }
      }
    } catch (error) {
      this.trouble = error;
    }
    if (!this.reserve.length) this.timer = setTimeout(() => this.fill(), AGAIN_MS);
    this.dispatchEvent(new Event("change"));
  }

  /** The suggestions of a new model for what is not shown yet. What is shown never changes under somebody's eyes. */
  async refresh() {
    if (!this.reserve.length) return this.fill();
    const old = this.reserve[0];
    const said = await api("GET", project(`/next?item=${encodeURIComponent(old.id)}`)).catch(() => null);
    const at = this.reserve.indexOf(old);
    if (said?.items[0] && at >= 0 && old.seconds === undefined) this.reserve[at] = { ...said.items[0], proposal: old.proposal };
  }

  async renew() {
    const items = [...this.held.keys()];
    if (!items.length) return;
    const kept = await api("POST", project("/leases"), { items }).catch(() => null);
    if (kept === null) return; // no network: the answers are kept all the same
    const ours = new Set(kept.map((one) => one.item));
    for (const id of items.filter((one) => !ours.has(one))) {
      if (this.shown?.id === id && this.shown.stands) continue; // an answer of one's own needs no lease to be corrected
      if (this.shown?.id === id) this.dispatchEvent(new CustomEvent("lost", { detail: this.shown }));
      else if (this.held.has(id) && !this.reserve.some((one) => one.id === id && one.seconds !== undefined)) this.lose(id);
    }
    this.fill();
  }

  /** Others may have what was not answered. */
  leave() {
    const items = [...this.held.keys()].filter((id) => !this.outbox.items.has(id));
    if (items.length) api("POST", project("/leases/release"), { items }, { keepalive: true }).catch(() => {});
  }
}
