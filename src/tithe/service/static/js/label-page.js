// The labelling page: it joins the field of the task, the queue, the outbox, the keys and the trail.

import "./choice-field.js";
import "./multilabel-field.js";
import "./span-field.js";
import { answerOf, Answering } from "./answering.js";
import { duplicates, searching } from "./finder.js";
import { Recent, words } from "./history.js";
import { allocate, COMMANDS, hint, listen, sheet } from "./keys.js";
import { made } from "./label-list.js";
import { labelsDialog } from "./labels-dialog.js";
import { Outbox } from "./outbox.js";
import { Queue } from "./queue.js";
import { drawSaved, drawStatus, follow } from "./status.js";

const at = (id) => document.getElementById(id);
const FIELDS = { choice: "choice-field", multilabel: "multilabel-field", spans: "span-field" };
const LOOK_MS = 10_000;

let info = JSON.parse(at("desk").dataset.project);
let keys = allocate(info.labels, info.settings.keys);
let status = null;
let begun = false; // an item of the address comes first
const task = info.task;
const field = document.createElement(FIELDS[task]);
const outbox = new Outbox();
const queue = new Queue(outbox);
const desk = new Answering({ field, queue, outbox, task, tell, draw });
const recent = new Recent(at("recent"), outbox, (one) => reopen(one.item, one));
const offerDuplicates = duplicates(at("similar"), task, (items, step) => desk.answerAlike(items, step), (id) => !queue.answered.has(id));
const search = searching(at("search"), (item) => reopen(item.id, item.label === null ? null : item));
const openLabels = labelsDialog(at("labels"), relabelled);

/** Says something to screen readers; `shown` also on the page, until the next answer. */
function tell(words, shown = false) {
  at("live").textContent = "";
  setTimeout(() => (at("live").textContent = words), 50); // the same words twice are said twice
  at("said").hidden = !shown;
  if (shown) at("said").textContent = words;
}

/** Draws all that stands around the field. */
function draw() {
  const { item } = desk;
  const none = item === null;
  at("question").classList.toggle("bare", none);
  at("answers").hidden = none;
  at("empty").hidden = !none || (queue.filling !== null && !queue.trouble && !queue.reason);
  at("coming").hidden = !none || !at("empty").hidden;
  if (none) {
    at("empty").querySelector("p").textContent = queue.trouble ? cause(queue.trouble) : `${capital(queue.reason ?? "the next item is on its way")}.`;
    at("about").hidden = true;
    at("comment-box").hidden = true;
    return;
  }
  at("question").dataset.item = item.id;
  recent.remember(item);
  at("about").hidden = !item.answer;
  if (item.answer) drawBefore(item);
  at("flag").setAttribute("aria-pressed", String(desk.flagged));
  if (at("comment").value !== desk.comment) at("comment").value = desk.comment;
  if (!desk.comment && document.activeElement !== at("comment")) showComment(false);
  else if (desk.comment) showComment(true);
  drawHint(item);
}

const capital = (words) => words[0].toUpperCase() + words.slice(1);
const cause = (trouble) => (trouble.status === 0 ? "The server does not answer. This page tries again by itself." : trouble.status === 401 ? "Open the link that tithe label printed, in this browser, and come back." : trouble.message);

function drawBefore(item) {
  const leave = made("button", { type: "button", className: "quiet", textContent: "Leave it so " }, made("kbd", { textContent: "Esc" }));
  leave.addEventListener("click", () => desk.leave());
  at("about").replaceChildren("Your answer before: ", made("b", { textContent: words(item.answer.action, item.answer.label) }), item.stands ? ". A new one replaces it. " : ". It was taken back. ", ...(item.stands ? [leave] : []));
}

/** Per cent in words: what is almost 0 or 1 is not called so. */
const surely = (share) => (share < 0.01 ? "under 1 %" : share > 0.99 ? "over 99 %" : `${Math.round(100 * share)} %`);

/** What the model thinks, in the same words and colour however sure it is; it never changes while it is shown. */
function drawHint({ suggestion, answer }) {
  const shown = suggestion?.shown && !answer;
  field.hint.hidden = false;
  if (!shown) return field.hint.replaceChildren("\u00a0");
  const sure = `${surely(suggestion.confidence)} sure`;
  const said = task === "choice" ? ["Suggestion: ", made("b", { textContent: suggestion.label }), `, ${sure}`] : [`Model: ${sure} ${suggestion.label.length ? "of exactly these marks" : "that no label applies"}`];
  const accept = made("button", { type: "button", className: "quiet accept" }, "Accept ", made("kbd", { textContent: "Enter" }));
  accept.addEventListener("click", () => run("submit"));
  field.hint.replaceChildren(made("span", {}, ...said), ...(task === "choice" ? [accept] : [])); // elsewhere Submit does it
}

function showComment(open) {
  at("comment-box").hidden = !open;
  at("comment-button").setAttribute("aria-expanded", String(open));
}

async function reopen(id, before) {
  try {
    const item = await queue.fetch(id);
    if (desk.item?.id === id) return; // shown meanwhile, by an undo: it says what stands now
    if (before) Object.assign(item, { answer: answerOf(before), stands: true });
    desk.showFirst(item);
    scrollTo({ top: 0 });
  } catch (error) {
    tell(error.message, true);
  }
}

/** Forgets an answer that the server refuses; its item is asked again. */
async function discard() {
  const [entry] = outbox.refused;
  await outbox.discard(entry);
  if (entry.kind === "answer") queue.allow(entry.body.item);
  queue.fill();
}

function relabelled(now) {
  info = now;
  keys = allocate(info.labels, info.settings.keys);
  field.setUp({ labels: info.labels, keys, settings: info.settings });
  drawKeys();
  queue.refresh();
}

function drawKeys() {
  const { commands, labels } = sheet(Object.keys(COMMANDS).filter((name) => name !== "none" || task !== "choice"), keys);
  const rows = (list) => list.flatMap(([key, does]) => [made("dt", {}, made("kbd", { textContent: key })), made("dd", { textContent: does })]);
  at("label-keys").replaceChildren(...rows(labels));
  at("command-keys").replaceChildren(...rows(commands));
}

const toggled = (panel) => {
  panel.open = !panel.open;
  if (panel.open) panel.querySelector("summary").focus();
  return true;
};

const RUN = {
  submit: () => desk.submit(),
  none: () => task !== "choice" && desk.answer("label", []),
  skip: () => desk.answer("skip"),
  reject: () => desk.answer("reject"),
  flag: () => desk.flag(),
  comment: () => desk.item !== null && (showComment(true), at("comment").focus(), true),
  remove: () => desk.item !== null && field.clear(),
  undo: () => desk.undo(),
  redo: () => desk.redo(),
  find: () => desk.item !== null && field.list.find(),
  search: () => (search(), true),
  similar: () => (desk.last ? offerDuplicates(desk.last) : tell("Answer an item first; then its near duplicates can be answered with it.", true), true),
  recent: () => toggled(at("recent")),
  guide: () => at("guide") !== null && ((at("guide").open = !at("guide").open), tell(at("guide").open ? "Guidelines are open" : "Guidelines are shut"), true),
  keys: () => (at("keys").showModal(), true),
};
const run = (name) => RUN[name]();

function labelKey(key) {
  const label = [...keys].find(([, own]) => own === key)?.[0];
  return label !== undefined && desk.item !== null && field.press(label);
}

function wire() {
  hint(document);
  for (const button of document.querySelectorAll("button[data-command]")) button.addEventListener("click", () => run(button.dataset.command));
  at("none").hidden = task === "choice";
  at("submit").hidden = task === "choice";
  at("open-labels").addEventListener("click", () => openLabels(info.labels));
  at("discard").addEventListener("click", discard);
  at("comment-button").addEventListener("click", () => at("comment").focus());
  at("comment").addEventListener("input", () => (desk.comment = at("comment").value));
  at("comment").addEventListener("blur", () => desk.comment || showComment(false));
  field.addEventListener("refused", (event) => tell(event.detail, true));
  field.addEventListener("enter", () => desk.submit());
  document.addEventListener("keydown", (event) => event.key === "Escape" && !event.defaultPrevented && !event.target.closest("dialog, input, textarea") && desk.leave());
  outbox.addEventListener("change", () => {
    drawSaved(outbox, at("saved"), at("notice"));
    if (status) drawStatus(status, fresh());
  });
  queue.addEventListener("change", () => begun && desk.item === null && desk.next());
  queue.addEventListener("lost", () => tell("Your hold on this item has ended: somebody else may be labelling it too. Your answer is kept all the same.", true));
  listen({ command: run, label: labelKey });
  addEventListener("beforeunload", (event) => outbox.coming.size && event.preventDefault());
}

/** Labels on their way that the server has not counted yet. */
const fresh = () => outbox.waiting.filter((one) => one.kind === "answer" && one.body.action === "label" && !one.corrects && !one.refused).length;

function told(now) {
  const newModel = status !== null && now.model?.version !== status.model?.version;
  const swapped = status?.slow && now.slow && now.slow.asking !== status.slow.asking;
  const calm = status !== null && performance.now() - told.last < LOOK_MS;
  status = now;
  drawStatus(now, fresh());
  if (swapped) tell(now.slow.words);
  if ((newModel || swapped) && begun) queue.refresh();
  else if (begun && desk.item === null && !calm) queue.fill();
  told.last = performance.now();
}

async function start() {
  at("coming").after(field);
  field.hidden = true; // until there is something to show
  field.setUp({ labels: info.labels, keys, settings: info.settings });
  drawKeys();
  wire();
  at("recent").open = matchMedia("(min-width: 64rem)").matches;
  try {
    await outbox.start();
  } catch {
    at("coming").hidden = true;
    tell("This browser lets no page keep data (IndexedDB is shut off), so answers would not survive a lost network. Allow it for this address and load the page again.", true);
    return;
  }
  follow(told);
  const wanted = new URLSearchParams(location.search).get("item");
  if (wanted) await reopen(wanted, await before(wanted));
  begun = true;
  if (desk.item === null) desk.next();
  else queue.fill();
}

/** One's own answer to an item that was opened by its address. */
async function before(id) {
  await recent.read();
  return recent.saved.find((one) => one.item === id && one.standing) ?? null;
}

start();
