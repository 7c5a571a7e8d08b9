// Texts in, labels out: the form is sent as JSON, and the answer comes as a part of the page.
import { part } from "./parts.js";

const form = document.getElementById("try");
const answer = document.getElementById("answer");
const refused = document.getElementById("refused");
const waiting = document.getElementById("waiting");
const SLOW_MS = 1000; // a model that is being trained answers later
let latest = 0; // an answer that was overtaken is not shown

/** What the form asks; labels are left out where all of them are looked for. */
function asked() {
  const boxes = [...form.querySelectorAll("input[name=label]")];
  const chosen = boxes.filter((box) => box.checked).map((box) => box.value);
  return {
    text: form.elements.text.value,
    lines: form.elements.lines.checked,
    model: form.elements.model.value ? Number(form.elements.model.value) : null,
    labels: chosen.length === boxes.length ? null : chosen,
  };
}

async function ask() {
  const mine = ++latest;
  form.setAttribute("aria-busy", "true");
  const slow = setTimeout(() => (waiting.hidden = false), SLOW_MS);
  try {
    const nodes = await part(form.action, asked());
    if (mine === latest) show("", nodes);
  } catch (problem) {
    if (mine === latest) show(problem.detail, []);
  } finally {
    clearTimeout(slow);
    if (mine === latest) {
      form.removeAttribute("aria-busy");
      waiting.hidden = true;
    }
  }
}

function show(problem, nodes) {
  refused.textContent = problem;
  refused.hidden = !problem;
  answer.replaceChildren(...nodes);
}

/** Once something was answered, a changed label or model is asked at once. */
function again() {
  if (answer.childElementCount || !refused.hidden) ask();
}

form?.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
form?.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});
form?.addEventListener("change", (event) => {
  if (event.target.name !== "text") again();
});
form?.addEventListener("click", (event) => {
  const which = event.target.closest("button[data-check]")?.dataset.check;
  if (!which) return;
  for (const box of form.querySelectorAll("input[name=label]")) box.checked = which === "all";
  again();
});
