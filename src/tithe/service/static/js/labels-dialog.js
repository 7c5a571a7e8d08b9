// Labels added, renamed and merged while labelling.

import { api, project } from "./api.js";
import { made } from "./label-list.js";

/** Opens over `dialog`; `changed(project)` is told the project as it is then. */
export function labelsDialog(dialog, changed) {
  const list = dialog.querySelector("ul");
  const add = dialog.querySelector("form.add");
  const said = dialog.querySelector("[role=status]");
  let labels = [];
  let turn = Promise.resolve();

  /** One change after the other: replies in another order would show labels that are gone. */
  const post = (body, words) => (turn = turn.then(() => send(body, words)));

  async function send(body, words) {
    try {
      const now = await api("POST", project("/labels"), body);
      changed(now);
      draw(now.labels);
      said.textContent = words;
      said.className = "notice good";
      return true;
    } catch (error) {
      said.textContent = error.message;
      said.className = "notice bad";
      return false;
    }
  }

  function row(label, typed = label) {
    const input = made("input", { value: typed, autocomplete: "off", maxLength: 200 });
    input.setAttribute("aria-label", `Name of ${label}`);
    const button = made("button", { type: "submit", textContent: "Rename" });
    const form = made("form", { className: "row", method: "dialog" }, input, button);
    let sure = false;
    const merges = () => input.value.trim() !== label && labels.includes(input.value.trim());
    const offer = () => {
      sure = false;
      button.className = "";
      button.textContent = merges() ? `Merge into ${input.value.trim()}` : "Rename";
    };
    input.addEventListener("input", offer);
    offer();
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const to = input.value.trim();
      if (!to || to === label) return;
      if (merges() && !sure) {
        sure = true;
        button.className = "bad";
        button.textContent = "Yes, merge them";
        said.className = "notice warn";
        said.textContent = `All answers with ${label} will be ${to}. This cannot be taken back.`;
        return;
      }
      post({ rename: label, to }, merges() ? `${label} is part of ${to} now` : `${label} is called ${to} now`);
    });
    return made("li", {}, form);
  }

  /** Draws the labels; what is being typed into a row stays, and the focus in its row. */
  function draw(now) {
    const rows = [...list.children];
    const typed = new Map(labels.map((label, at) => [label, rows[at]?.querySelector("input").value]));
    const had = rows.findIndex((one) => one.contains(document.activeElement));
    const place = now.indexOf(labels[had]);
    labels = now;
    list.replaceChildren(...labels.map((label) => row(label, typed.get(label))));
    if (had >= 0) list.children[place >= 0 ? place : Math.min(had, labels.length - 1)].querySelector("input").focus();
  }

  add.addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = add.querySelector("input");
    const name = input.value.trim();
    if (name && (await post({ add: name }, `${name} is a label now`))) input.value = "";
    input.focus();
  });

  return (now) => {
    said.textContent = "";
    said.className = "";
    list.replaceChildren();
    draw(now);
    dialog.showModal();
    add.querySelector("input").focus();
  };
}
