// Answers on their way. Each is on this computer's disk (IndexedDB) before it is sent, and is sent in order, with one
// key of its own, until the server has said yes: over reloads, lost networks and restarted servers.

import { api, project, Problem } from "./api.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15000];
const KEPT = 500; // numbers of sent answers that are remembered, for undo

/** A name that no other entry has; crypto.randomUUID is missing on plain http. */
export const newKey = () => [...crypto.getRandomValues(new Uint8Array(16))].map((one) => one.toString(16).padStart(2, "0")).join("");

const promised = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

/** When all of a transaction is on the disk; its error where none of it is. */
const committed = (change) =>
  new Promise((done, failed) => {
    change.oncomplete = () => done();
    change.onabort = () => failed(change.error);
  });

const open = () =>
  new Promise((done, failed) => {
    const request = indexedDB.open("tithe", 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("waiting", { keyPath: "n", autoIncrement: true });
      request.result.createObjectStore("sent", { keyPath: "key" });
    };
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

/**
 * Fires "change" when `waiting`, `state` or `trouble` do. `state` is one of "saved", "saving", "waiting" (no network),
 * "login" (the server does not know this browser any more), "refused" (it will never take one of them) and "stuck" (the
 * browser's disk takes nothing: what was answered lives in this page alone).
 */
export class Outbox extends EventTarget {
  constructor() {
    super();
    this.project = project();
    this.waiting = [];
    this.coming = new Map(); // answered, but not on the disk yet: some milliseconds
    this.turn = Promise.resolve();
    this.changing = 0; // of those in turn
    this.state = "saved";
    this.trouble = "";
    this.tries = 0;
    this.timer = 0;
    this.sending = null;
  }

  async start() {
    this.db = await open();
    this.channel = new BroadcastChannel(`tithe-outbox:${this.project}`);
    this.channel.onmessage = ({ data }) => {
      this.read();
      if (data === "sent") this.dispatchEvent(new Event("sent-elsewhere"));
    };
    addEventListener("online", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden || (this.waiting.length && this.flush()));
    await this.read();
    this.flush();
  }

  /** What is in the box, whichever tab put it there, and what is on its way into it. */
  async read() {
    const all = await promised(this.db.transaction("waiting").objectStore("waiting").getAll());
    const known = new Set(all.map((one) => one.key));
    const coming = [...this.coming.values()].filter((one) => !known.has(one.key));
    this.waiting = [...all.filter((one) => one.project === this.project), ...coming];
    this.say();
  }

  /** The items with answers that the server does not have yet. */
  get items() {
    return new Set(this.waiting.filter((one) => one.kind === "answer").map((one) => one.body.item));
  }

  get refused() {
    return this.waiting.filter((one) => one.refused);
  }

  /** Keeps an entry, and sends it when its turn comes: {kind: "answer", key, body} or {kind: "undo", key, of}. */
  add(entry) {
    const whole = this.expect(entry);
    return this.inTurn(() => this.store(whole));
  }

  expect(entry) {
    const whole = { ...entry, project: this.project, at: Date.now(), tried: false };
    this.coming.set(whole.key, whole);
    this.waiting.push(whole);
    return whole;
  }

  /** Puts an entry on the disk, however long the disk refuses it; those behind it wait, so that the order holds. */
  async store(whole) {
    for (let tries = 0; ; tries++) {
      try {
        const change = this.db.transaction("waiting", "readwrite", { durability: "strict" });
        change.objectStore("waiting").add(whole);
        await committed(change);
        break;
      } catch (error) {
        this.trouble = error?.message ?? "no reason given";
        this.say("stuck");
        await new Promise((done) => setTimeout(done, WAITS_MS[Math.min(tries, WAITS_MS.length - 1)]));
      }
    }
    if (this.state === "stuck") this.state = "saving";
    this.coming.delete(whole.key);
    this.channel.postMessage("added");
    this.flush();
  }

  /** Takes back an answer: out of the box if it never left it, otherwise by an undo that follows it. */
  undo(key) {
    return this.inTurn(async () => {
      const box = this.db.transaction("waiting", "readwrite").objectStore("waiting");
      const found = (await promised(box.getAll())).find((one) => one.key === key);
      if (!found || (found.tried && !found.refused)) {
        await this.store(this.expect({ kind: "undo", key: newKey(), of: key })); // in this turn: what is answered next follows it
        return;
      }
      await promised(box.delete(found.n));
      await this.read();
      this.channel.postMessage("dropped");
    });
  }

  /** One change of the box after the other, so that an undo never overtakes its answer. */
  inTurn(work) {
    this.changing++;
    this.say("saving");
    this.turn = this.turn.then(work).finally(() => {
      this.changing--;
      this.say();
    });
    return this.turn;
  }

  /** Forgets an answer that the server will never take. */
  async discard(entry) {
    await promised(this.db.transaction("waiting", "readwrite").objectStore("waiting").delete(entry.n));
    await this.read();
    this.channel.postMessage("discarded");
  }

  /** The number under which the server keeps an answer, or null. */
  async number(key) {
    return (await promised(this.db.transaction("sent").objectStore("sent").get(key)))?.number ?? null;
  }

  /** Sends what there is. One tab at a time does, so that the order holds. */
  flush() {
    clearTimeout(this.timer);
    if (!this.sending) this.sending = this.alone(() => this.drain());
    else this.again = true;
    return this.sending;
  }

  alone(work) {
    // Without locks (plain http to another machine) two tabs may both send; the keys make that harmless.
    return navigator.locks ? navigator.locks.request(`tithe-send:${this.project}`, work) : work();
  }

  async drain() {
    try {
      do {
        this.again = false;
        await this.read();
        for (let next; (next = this.waiting.find((one) => !one.refused && !this.coming.has(one.key))); ) {
          this.say("saving");
          if (!(await this.deliver(next))) return;
          await this.read();
        }
      } while (this.again);
      this.tries = 0;
      this.say("saved");
    } finally {
      this.sending = null; // in the turn that looked last: the browser takes another one to free the lock
    }
  }

  /** Whether the next entry may go; otherwise this comes back later by itself. */
  async deliver(entry) {
    try {
      // From here on the server may have it, whatever this page hears; but an undo may have been quicker.
      if (!entry.tried && !(await this.keep({ ...entry, tried: true }))) return true;
      const number = await this.post(entry);
      await this.done(entry, number);
      this.tries = 0;
      return true;
    } catch (error) {
      const isOfDisk = error instanceof DOMException; // it is sent again with its key, which is harmless
      if (!isOfDisk && !(error instanceof Problem)) throw error;
      if (!isOfDisk && !error.passes) {
        await this.keep({ ...entry, refused: error.detail });
        return true;
      }
      this.trouble = isOfDisk ? error.message : error.status === 0 ? "" : error.detail;
      this.say(isOfDisk ? "stuck" : error.status === 401 ? "login" : "waiting");
      this.timer = setTimeout(() => this.flush(), WAITS_MS[Math.min(this.tries++, WAITS_MS.length - 1)]);
      return false;
    }
  }

  async post(entry) {
    if (entry.kind === "undo") {
      const of = await this.number(entry.of);
      if (of === null) return null; // what it would take back was refused, or is long gone
      return (await api("POST", project(`/annotations/${of}/undo`), undefined, { key: entry.key })).annotation;
    }
    return (await api("POST", project("/annotations"), entry.body, { key: entry.key })).annotation;
  }

  /** Changes an entry that is in the box; false where it was taken out meanwhile, and stays out. */
  async keep(entry) {
    const box = this.db.transaction("waiting", "readwrite").objectStore("waiting");
    if ((await promised(box.getKey(entry.n))) === undefined) return false;
    await promised(box.put(entry));
    return true;
  }

  async done(entry, number) {
    const both = this.db.transaction(["waiting", "sent"], "readwrite");
    both.objectStore("waiting").delete(entry.n);
    const sent = both.objectStore("sent");
    if (number !== null) sent.put({ key: entry.key, number, at: Date.now() });
    const keys = await promised(sent.getAll());
    keys.sort((a, b) => a.at - b.at).slice(0, -KEPT).forEach((old) => sent.delete(old.key));
    await committed(both);
    if (this.state === "stuck") this.state = "saving";
    this.channel.postMessage("sent");
    this.dispatchEvent(new CustomEvent("sent", { detail: { entry, number } }));
  }

  say(state) {
    const left = this.waiting.filter((one) => !one.refused).length + this.changing;
    if (state && this.state !== "stuck") this.state = state;
    if (!left) this.state = "saved";
    if (this.state === "saved" && left) this.state = "saving";
    if (!left && this.refused.length) this.state = "refused";
    this.dispatchEvent(new Event("change"));
  }
}
