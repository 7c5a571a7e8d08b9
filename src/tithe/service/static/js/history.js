// What was answered: the trail for undo and redo across items, and the list of recent answers.

import { api, project } from "./api.js";
import { made } from "./label-list.js";

/** Steps back and forth. A step is {item, entries}: the entries of the outbox that one press made. */
export class Trail {
  constructor() {
    this.done = [];
    this.undone = [];
  }

  did(step) {
    this.done.push(step);
    this.undone = [];
  }

  back() {
    const step = this.done.pop();
    if (step) this.undone.push(step);
    return step ?? null;
  }

  /** The step to do again, with `entries` in the place of those that were taken back. */
  forth(renewed) {
    const step = this.undone.pop();
    if (!step) return null;
    const again = { ...step, entries: step.entries.map(renewed) };
    this.done.push(again);
    return again;
  }
}

/** A label in words. */
export function words(action, label) {
  if (action === "skip") return "skipped";
  if (action === "reject") return "rejected";
  if (typeof label === "string") return label;
  if (!label?.length) return "none";
  const names = label.map((one) => one.label ?? one);
  const counts = new Map();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, count]) => (count > 1 ? `${name} × ${count}` : name)).join(", ");
}

const CALM_MS = 400;

/** The last 50 answers in `host`, those that are not saved yet first; a press calls `open(answer)`. */
export class Recent {
  constructor(panel, outbox, open) {
    this.panel = panel;
    this.list = panel.querySelector("ol");
    this.outbox = outbox;
    this.open = open;
    this.saved = [];
    this.texts = new Map();
    this.timer = 0;
    this.changes = 0; // that the server has taken from this page
    panel.addEventListener("toggle", () => this.soon(0));
    outbox.addEventListener("sent", (event) => this.sent(event.detail));
    outbox.addEventListener("sent-elsewhere", () => (this.changes++, this.soon())); // another tab sends what waits here
    outbox.addEventListener("change", () => this.draw());
  }

  remember(item) {
    this.texts.set(item.id, item.text);
  }

  /** A new answer is known here; what an undo left standing, the server knows. */
  sent({ entry, number }) {
    this.changes++;
    if (entry.kind !== "answer" || !this.texts.has(entry.body.item)) return this.soon();
    const { item } = entry.body;
    const row = { ...entry.body, annotation: number, text: this.texts.get(item), standing: true };
    this.saved = [row, ...this.saved.filter((one) => one.item !== item)];
  }

  soon(wait = CALM_MS) {
    if (!this.panel.open) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.read(), wait);
  }

  async read() {
    let before, saved;
    do {
      before = this.changes;
      saved = await api("GET", project("/annotations?limit=50")).catch(() => null);
    } while (saved && before !== this.changes); // what was sent meanwhile may not be among them
    this.saved = saved ?? this.saved;
    this.draw();
  }

  draw() {
    if (!this.panel.open) return;
    const waiting = this.outbox.waiting.filter((one) => one.kind === "answer" && !one.refused);
    const open = waiting.map((one) => ({ ...one.body, key: one.key, text: this.texts.get(one.body.item) ?? "", waits: true }));
    const newer = new Set(open.map((one) => one.item));
    const rows = [...open.reverse(), ...this.saved.filter((one) => one.standing && !newer.has(one.item))].slice(0, 50);
    const had = [...this.list.querySelectorAll("button")].indexOf(document.activeElement);
    this.list.replaceChildren(...rows.map((one) => this.row(one)));
    if (had >= 0) this.list.querySelectorAll("button")[had]?.focus();
    this.panel.querySelector(".empty").hidden = rows.length > 0;
  }

  row(one) {
    const said = made("span", { className: "said", textContent: words(one.action, one.label) });
    const text = made("bdi", { className: "of", textContent: one.text });
    const button = made("button", { type: "button", className: "quiet recent-answer" }, said, text);
    if (one.flagged) said.append(made("span", { className: "badge", textContent: "flagged" }));
    if (one.waits) said.append(made("span", { className: "badge warn", textContent: "not saved yet" }));
    button.addEventListener("click", () => this.open(one));
    return made("li", {}, button);
  }
}
