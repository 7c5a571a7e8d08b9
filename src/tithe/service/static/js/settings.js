// Settings: each field is saved when it changes, and what the server says of it stands beside it.
import { api, project } from "./api.js";
import { part } from "./parts.js";

/** What the server is sent for a field. Shares are shown in per cent. */
const VALUES = {
  choice: (field) => field.value,
  text: (field) => field.value.trim(),
  switch: (field) => field.checked,
  share: (field) => Number(field.value) / 100,
  percent: (field) => (field.value === "" ? null : Number(field.value) / 100),
  decimal: (field) => (field.value === "" ? null : Number(field.value)),
  whole: (field) => (field.value === "" ? null : Number(field.value)),
};

/** Says beside a field how it went. */
export function tell(name, words, refused = false) {
  const outcome = document.getElementById(`${name}-outcome`);
  outcome.textContent = words;
  outcome.classList.toggle("refused", refused);
}

// Changes go out one behind the other: of two sent at once the earlier may arrive last, and would stand.
let before = Promise.resolve();
const latest = {}; // of each field, how many changes went out

/** Changes settings; true where the server took them. */
export function save(name, changes) {
  tell(name, "Saving …");
  const own = (latest[name] = (latest[name] ?? 0) + 1);
  before = before.then(() => send(name, changes, () => own === latest[name]));
  return before;
}

async function send(name, changes, isLast) {
  try {
    await api("PATCH", project("/settings"), changes);
    if (isLast()) tell(name, "Saved");
    return true;
  } catch (problem) {
    tell(name, problem.detail, true);
    return false;
  }
}

async function changed(field) {
  const name = field.dataset.setting;
  if (field.dataset.kind === "choice") {
    const written = document.getElementById(`${name}-written`);
    written.hidden = field.value !== "";
    document.getElementById(`${name}-what`).textContent = field.selectedOptions[0].dataset.what;
    if (!written.hidden) {
      written.focus();
      tell(name, "");
      return; // saved once it is written
    }
    written.value = field.value;
  }
  const taken = await save(name, { [name]: VALUES[field.dataset.kind](field) });
  field.setAttribute("aria-invalid", String(!taken));
}

document.addEventListener("change", (event) => {
  if (event.target.dataset.setting) changed(event.target);
});
document.addEventListener("input", (event) => {
  if (event.target.type === "range") event.target.parentElement.querySelector("output").value = `${event.target.value} %`;
});

document.getElementById("keys").closest("section").addEventListener("change", () => {
  const keys = {};
  for (const field of document.querySelectorAll("#keys input")) if (field.value) keys[field.dataset.label] = field.value;
  save("keys", { keys });
});

const form = document.getElementById("guidelines-form");
const preview = document.getElementById("preview");
const button = document.getElementById("preview-button");
const text = document.getElementById("guidelines");

form.addEventListener("submit", (event) => {
  event.preventDefault();
  save("guidelines", { guidelines: text.value });
});

let previewed = 0;

async function showPreview() {
  const own = ++previewed;
  const html = await part(form.action, { guidelines: text.value });
  if (own !== previewed) return; // overtaken by a later one
  preview.replaceChildren(...html);
  if (!html.length) preview.textContent = "No guidelines yet.";
}

button.addEventListener("click", async () => {
  preview.hidden = !preview.hidden;
  button.setAttribute("aria-expanded", String(!preview.hidden));
  if (preview.hidden) return;
  try {
    await showPreview();
  } catch (problem) {
    tell("guidelines", problem.detail, true);
  }
});
