// What goes on behind the page: whether answers are saved, how much is labelled, what the model does.

import { project } from "./api.js";

const AGAIN_MS = 5_000;
const number = (value) => value.toLocaleString("en");
const percent = (share) => `${Math.round(100 * share)} %`;
const seconds = (value) => (value < 0.05 ? "under 0.1 s" : value < 10 ? `${value.toFixed(1)} s` : `${Math.round(value)} s`);

/** Calls `tell(status)` now and at each change, for as long as the page lives. */
export function follow(tell) {
  const source = new EventSource(project("/events"));
  source.addEventListener("status", (event) => tell(JSON.parse(event.data)));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(tell), AGAIN_MS); // refused; a login may help
  });
}

/** What the background does, in a sentence, and the progress of it ([done, total] or null). */
export function sentence(status) {
  const { model, state, progress } = status;
  const parts = [];
  if (state === "embedding" && progress) parts.push(`Reading the texts: ${number(progress[0])} of ${number(progress[1])}`);
  else if (state !== "idle") parts.push(status.detail || (state === "training" ? "Fitting a new model" : "Reading the texts"));
  if (model) {
    const time = model.fit_s ? ` in ${seconds(model.fit_s)}` : "";
    parts.push(`Model of ${number(model.labels)} labels, fitted${time}`);
    if (model.score !== null) parts.push(`${model.measure} ${percent(model.score)} on asked items`);
  } else if (state === "idle") parts.push("No model yet: the first one comes after a few answers");
  if (typeof status.serving === "number") parts.push(`suggestions from version ${status.serving}`);
  return parts.join(" · ");
}

/** Which of the two models asks, what they came to, and how far the slow one is; empty where there is only one. */
export function speeds({ slow }) {
  if (!slow) return "";
  const far = slow.progress ? ` ${slow.detail}: ${number(slow.progress[0])} of ${number(slow.progress[1])}.` : "";
  return slow.words + far;
}

/** Draws the status into the footer and the count above the card. */
export function drawStatus(status, waiting) {
  const at = (id) => document.getElementById(id);
  at("doing").textContent = sentence(status);
  at("status").dataset.state = status.state;
  const bar = at("doing-progress");
  bar.hidden = !(status.state === "embedding" && status.progress);
  if (!bar.hidden) [bar.value, bar.max] = [status.progress[0], Math.max(status.progress[1], 1)];
  at("speeds").textContent = speeds(status);
  at("speeds").hidden = !status.slow;
  at("trouble").hidden = !status.trouble;
  at("advice").textContent = status.advice ?? "";
  at("advice").hidden = !status.advice;
  at("count").textContent = `${number(status.labelled + waiting)} of ${number(status.items)} labelled`;
}

const MARKS = {
  saved: ["good", () => "Saved"],
  saving: ["", (n) => (n > 1 ? `Saving ${n}…` : "Saving…")],
  waiting: ["warn", (n) => `${n} not saved yet`],
  stuck: ["bad", (n) => `${n} not saved yet`],
  login: ["bad", (n) => `${n} not saved yet`],
  refused: ["bad", (_, refused) => `${refused} refused`],
};

/** The mark that says whether all is saved, and what to do where it is not. */
export function drawSaved(outbox, mark, notice) {
  const refused = outbox.refused.length;
  const [look, say] = MARKS[outbox.state];
  mark.textContent = say(outbox.waiting.length - refused, refused);
  mark.className = `badge ${look}`;
  const said = {
    waiting: `The server does not answer${outbox.trouble ? ` (${outbox.trouble})` : ""}. Go on: answers are kept in this browser and sent when it is back. Is tithe label still running?`,
    login:
      "The server does not know this browser any more; it was started anew. Open the link that tithe label printed, in this browser, and come back: your answers are kept here and sent then.",
    stuck: `This browser cannot keep what you answer (${outbox.trouble}). Leave this page open and free some disk space: it tries again by itself.`,
    refused: `The server refuses ${refused === 1 ? "an answer" : `${refused} answers`}: ${outbox.refused[0]?.refused ?? ""}`,
  }[outbox.state];
  const changed = notice.dataset.state !== outbox.state;
  notice.dataset.state = outbox.state;
  notice.hidden = !said;
  notice.className = `notice ${look}`;
  const line = notice.querySelector("p");
  if (changed || outbox.state === "refused") line.textContent = said ?? "";
  notice.querySelector("button").hidden = outbox.state !== "refused";
}
