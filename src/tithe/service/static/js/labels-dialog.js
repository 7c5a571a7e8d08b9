// Labels added, renamed and merged while labelling.

import { api, project } from "./api.js";
import { made } from "./label-list.js";

/** Opens over `dialog`; `changed(project)` is told the project as it is then. */
export function labelsDialog(dialog, changed) {
  const list = dialog.querySelector("ul");
  const add = dialog.querySelector("form.add");
  const said = dialog.querySelector("[role=status]");
  let labels = [];

  async function post(body, words) {
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

  function row(label) {
    const input = made("input", { value: label, autocomplete: "off", maxLength: 200 });
    input.setAttribute("aria-label", `Name of ${label}`);
    const button = made("button", { type: "submit", textContent: "Rename" });
    const form = made("form", { className: "row", method: "dialog" }, input, button);
    let sure = false;
    const merges = () => input.value.trim() !== label && labels.includes(input.value.trim());
    input.addEventListener("input", () => {
      sure = false;
      button.className = "";
      button.textContent = merges() ? `Merge into ${input.value.trim()}` : "Rename";
    });
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

  function draw(now) {
    labels = now;
    list.replaceChildren(...labels.map(row));
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
    draw(now);
    dialog.showModal();
    add.querySelector("input").focus();
  };
}
