// Items found by words, and items that say nearly the same as the last one.

import { api, project } from "./api.js";
import { made } from "./label-list.js";
import { words } from "./history.js";

const CALM_MS = 200;
const STATES = { open: "not answered", labelled: "labelled", skipped: "skipped", audit: "audit", flagged: "flagged" };

/** The search: words in, items out; a press opens one. `open(id)`. */
export function searching(dialog, open) {
  const input = dialog.querySelector("input");
  const list = dialog.querySelector("ol");
  const said = dialog.querySelector("[role=status]");
  let timer = 0;
  let asked = 0;
  let listed = ""; // the words whose items are in the list

  async function look() {
    const own = ++asked;
    const text = input.value.trim();
    clearTimeout(timer);
    if (!text) return list.replaceChildren(), (said.textContent = ""), (listed = "");
    try {
      const found = await api("GET", project(`/items?limit=20&text=${encodeURIComponent(text)}`));
      if (own !== asked) return;
      said.textContent = found.count === 0 ? "No text holds that." : `${found.count.toLocaleString("en")} found${found.more ? ", the first 20 here" : ""}`;
      list.replaceChildren(...found.items.map(row));
      listed = text;
    } catch (error) {
      said.textContent = error.message;
    }
  }

  function row(item) {
    const state = item.label === null ? (STATES[item.state] ?? item.state) : words("label", item.label);
    const button = made("button", { type: "button", className: "quiet found" }, made("bdi", { textContent: item.text }), made("span", { className: "badge", textContent: state }));
    button.addEventListener("click", () => {
      dialog.close();
      open(item);
    });
    return made("li", {}, button);
  }

  /** Opens the first item that holds the words as they are now, however quickly they were typed. */
  async function first() {
    if (listed !== input.value.trim()) await look();
    if (dialog.open && listed === input.value.trim()) list.querySelector("button")?.click(); // it may be shut by now
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(look, CALM_MS);
  });
  dialog.addEventListener("keydown", (event) => {
    const buttons = [...list.querySelectorAll("button")];
    const at = buttons.indexOf(document.activeElement);
    if (event.key === "Enter" && document.activeElement === input) first();
    else if (event.key === "ArrowDown") buttons[Math.min(at + 1, buttons.length - 1)]?.focus();
    else if (event.key === "ArrowUp") (at > 0 ? buttons[at - 1] : input).focus();
    else return;
    event.preventDefault();
  });
  return () => {
    dialog.showModal();
    input.select();
    look();
  };
}

/**
 * Near duplicates of an answered item: chosen ones get the same answer by one press. `answer(items, step)`; `isOpen(id)`
 * knows what is answered on this page, which the server may not know yet.
 */
export function duplicates(dialog, task, answer, isOpen) {
  const list = dialog.querySelector("ul");
  const said = dialog.querySelector("[role=status]");
  const button = dialog.querySelector("button.main");
  let found = [];
  let step = null;

  const chosen = () => found.filter((_, n) => list.querySelectorAll("input")[n].checked);
  const count = () => {
    const n = chosen().length;
    button.disabled = n === 0;
    button.textContent = `Answer ${n} like the last one: ${words(step.action, step.label)}`;
  };
  list.addEventListener("change", count);
  button.addEventListener("click", () => {
    dialog.close();
    answer(chosen(), step);
  });

  /** Offers the open items nearest to the one that `last` answered: {item, action, label}. */
  return async (last) => {
    step = last;
    found = [];
    let all;
    list.replaceChildren();
    button.disabled = true;
    button.textContent = "Answer none";
    said.textContent = "Looking…";
    dialog.querySelector("blockquote").textContent = last.item.text;
    dialog.showModal();
    try {
      all = await api("GET", project(`/items/${encodeURIComponent(last.item.id)}/similar?n=30&at_least=0.85`));
    } catch (error) {
      if (step === last) said.textContent = error.message;
      return;
    }
    if (step !== last) return; // opened for another answer meanwhile
    // Offsets are those of a text: spans go to copies of it alone.
    found = all.filter((one) => one.state === "open" && isOpen(one.id) && (task !== "spans" || one.text === last.item.text));
    said.textContent = found.length ? `${found.length} not answered yet; take the mark off those that differ.` : "There are none that are open.";
    list.replaceChildren(
      ...found.map((one) => {
        const box = made("input", { type: "checkbox", checked: true });
        return made("li", {}, made("label", { className: "check" }, box, made("bdi", { textContent: one.text }), made("span", { className: "badge", textContent: `${Math.round(100 * one.similarity)} % alike` })));
      }),
    );
    if (found.length) {
      count();
      button.focus();
    }
  };
}
