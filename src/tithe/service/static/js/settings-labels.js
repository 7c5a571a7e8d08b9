// Labels: a new one, a new name, and two made one after a second question.
import { api, project } from "./api.js";
import { refresh } from "./live.js";
import { tell } from "./settings.js";

async function change(body, words) {
  try {
    await api("POST", project("/labels"), body);
    await refresh("[data-part]");
    tell("labels", words);
    return true;
  } catch (problem) {
    tell("labels", problem.detail, true);
    return false;
  }
}

document.getElementById("add-label").addEventListener("submit", async (event) => {
  event.preventDefault();
  const field = event.target.elements.add;
  const name = field.value.trim();
  if (await change({ add: name }, `“${name}” is a label now.`)) field.value = "";
  field.focus();
});

/** Asks once more, with the number of items that it touches; true for yes. */
async function mayMerge(name, to) {
  const { counts } = await api("GET", project("/progress"));
  const answers = `${counts[name]} labelled item${counts[name] === 1 ? "" : "s"}`;
  document.getElementById("merge-what").textContent =
    `“${to}” is a label already. ${answers} with “${name}” will have “${to}”, and afterwards nothing tells them apart.`;
  const dialog = document.getElementById("merge");
  dialog.returnValue = "no";
  dialog.showModal();
  await new Promise((done) => dialog.addEventListener("close", done, { once: true }));
  return dialog.returnValue === "yes";
}

document.addEventListener("submit", async (event) => {
  const name = event.target.dataset.rename;
  if (name === undefined) return;
  event.preventDefault();
  const to = event.target.elements.to.value.trim();
  const labels = [...document.querySelectorAll("form[data-rename]")].map((form) => form.dataset.rename);
  const isMerge = to !== name && labels.includes(to);
  try {
    if (isMerge && !(await mayMerge(name, to))) return tell("labels", "Both labels stay.");
  } catch (problem) {
    return tell("labels", problem.detail, true);
  }
  await change({ rename: name, to }, isMerge ? `“${name}” is a part of “${to}” now.` : `“${name}” is called “${to}” now.`);
});
