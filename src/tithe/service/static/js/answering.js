// One item after the other: what is shown, what is answered, and the way back.

import { Trail, words } from "./history.js";
import { newKey } from "./outbox.js";

/** Seconds that somebody looked: those in which the page was hidden do not count. */
class Clock {
  constructor() {
    this.begin();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.pause() : (this.since = performance.now())));
  }

  begin(seconds = 0) {
    this.ms = 1000 * seconds;
    this.since = document.hidden ? null : performance.now();
  }

  pause() {
    if (this.since !== null) this.ms += performance.now() - this.since;
    this.since = null;
  }

  get seconds() {
    return Math.round(this.ms + (this.since === null ? 0 : performance.now() - this.since)) / 1000;
  }
}

/** What an answer says, whoever holds it: the outbox, the history or a search. */
export const answerOf = ({ action = "label", label = null, flagged = false, comment = "" }) => ({ action, label, flagged, comment });

export class Answering {
  constructor({ field, queue, outbox, task, tell, draw }) {
    Object.assign(this, { field, queue, outbox, task, tell, draw });
    this.item = null;
    this.trail = new Trail();
    this.last = null; // the last answer: {item, action, label}
    this.clock = new Clock();
    this.flagged = false;
    this.comment = "";
    field.addEventListener("change", (event) => this.changed(event.detail));
  }

  /** Shows the next question, or that there is none. */
  next() {
    this.show(this.queue.take());
  }

  show(item) {
    this.item = item;
    this.queue.shown = item;
    this.past = [];
    this.future = [];
    this.field.hidden = item === null; // what is hidden cannot take the focus
    if (item !== null) {
      const said = item.answer;
      this.flagged = said?.flagged ?? false;
      this.comment = said?.comment ?? "";
      const suggested = item.suggestion?.shown ? item.suggestion.label : null;
      const from = said ? "before" : suggested !== null ? "suggestion" : null;
      const value = item.draft ?? (said ? said.label : suggested);
      this.field.show({ ...item, value, from: item.draft ? null : from });
      this.value = this.field.value;
      this.clock.begin(item.seconds);
    }
    this.draw();
  }

  /** Shows a certain item now; the one that was shown comes after it. */
  showFirst(item) {
    if (this.item && this.item.id !== item.id && !this.item.stands) this.queue.putBack({ ...this.item, seconds: this.clock.seconds, draft: this.past.length ? this.value : undefined });
    this.show(item);
  }

  changed({ value, done, said }) {
    if (done) {
      this.answer("label", value);
      return;
    }
    this.past.push(this.value);
    this.future = [];
    this.value = value;
    if (said) this.tell(said);
    else this.tell(value.length ? `Marked: ${words("label", value)}` : "Nothing is marked");
  }

  submit() {
    if (this.item === null) return false;
    const value = this.field.ready;
    if (value === null) {
      this.tell(this.task === "choice" ? "Press a label's key." : "Mark labels by their keys, or press n if none applies.", true);
      return true;
    }
    return this.answer("label", value);
  }

  /** Keeps the answer and goes on at once. */
  answer(action, label = null) {
    const { item } = this;
    if (item === null) return false;
    const body = { item: item.id, action, label, flagged: this.flagged, comment: this.comment, proposal: item.proposal ?? null, lead_s: this.clock.seconds };
    const entry = { kind: "answer", key: newKey(), body, corrects: item.stands ?? false };
    this.outbox.add(entry);
    this.trail.did({ item, entries: [entry] });
    this.last = { item, action, label };
    this.queue.drop(item.id);
    this.next();
    this.tell(`${words(action, label)}${body.flagged ? ", flagged" : ""}. ${this.item ? "Next item." : ""}`);
    return true;
  }

  /** The same answer to several other items: one step, taken back by one undo. */
  answerAlike(items, { action, label }) {
    const entries = items.map((one) => ({ kind: "answer", key: newKey(), body: { item: one.id, action, label, flagged: false, comment: "", proposal: null, lead_s: 0 } }));
    for (const entry of entries) {
      this.outbox.add(entry);
      this.queue.drop(entry.body.item);
    }
    this.trail.did({ item: null, entries });
    if (this.item && items.some((one) => one.id === this.item.id)) this.next();
    this.tell(`${items.length} more answered: ${words(action, label)}. Undo takes them all back.`, true);
  }

  flag() {
    if (this.item === null) return false;
    this.flagged = !this.flagged;
    this.draw();
    this.tell(this.flagged ? "Flagged" : "Not flagged any more");
    return true;
  }

  /** Back to the questions from an answer that was opened again. */
  leave() {
    if (!this.item?.stands) return;
    this.queue.drop(this.item.id);
    this.next();
  }

  /** One step back: a mark on this item, or else the answer before, whose item is shown again. */
  undo() {
    if (this.restored(this.past, this.future)) return true;
    const step = this.trail.back();
    if (step === null) {
      this.tell("There is nothing to undo. Older answers are under Recent answers (r).", true);
      return true;
    }
    for (const entry of [...step.entries].reverse()) this.outbox.undo(entry.key);
    if (step.item === null) {
      for (const entry of step.entries) this.queue.allow(entry.body.item);
      this.tell(`${step.entries.length} answers taken back`, true);
      return true;
    }
    const { body } = step.entries[0];
    const item = { ...step.item, answer: answerOf(body), stands: step.item.stands ?? false, seconds: body.lead_s };
    this.queue.hold(item.id);
    this.showFirst(item);
    this.tell(`Taken back: ${words(body.action, body.label)}`);
    return true;
  }

  /** One step forth again. */
  redo() {
    if (this.restored(this.future, this.past)) return true;
    const step = this.trail.forth((entry) => ({ ...entry, key: newKey() }));
    if (step === null) {
      this.tell("There is nothing to redo.", true);
      return true;
    }
    for (const entry of step.entries) {
      this.outbox.add(entry);
      this.queue.drop(entry.body.item);
    }
    const { body } = step.entries[0];
    if (this.item && step.entries.some((entry) => entry.body.item === this.item.id)) this.next();
    this.tell(`Done again: ${words(body.action, body.label)}`);
    return true;
  }

  restored(from, to) {
    if (this.item === null || !from.length) return false;
    to.push(this.value);
    this.value = from.pop();
    this.field.show({ ...this.item, value: this.value, from: null });
    this.tell(this.value?.length ? `Marked: ${words("label", this.value)}` : "Nothing is marked");
    return true;
  }
}
