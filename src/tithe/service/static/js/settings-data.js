// New data: a file as it is, or pasted lines.
import { project } from "./api.js";
import { tell } from "./settings.js";

/** Sends a body as it is; the answer's JSON. */
async function send(outcome, body, format) {
  tell(outcome, "Adding …");
  try {
    const response = await fetch(project(`/items?format=${format}`), {
      method: "POST",
      headers: { "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content },
      body,
    });
    const said = await response.json();
    if (!response.ok) return tell(outcome, said.detail, true);
    tell(outcome, `${said.added} item${said.added === 1 ? "" : "s"} added.`);
    return true;
  } catch {
    tell(outcome, "The server does not answer; look at the items before you add them again.", true);
  }
  return false;
}

document.getElementById("add-file").addEventListener("submit", async (event) => {
  event.preventDefault();
  const [file] = event.target.elements.file.files;
  if (await send("add-file", file, file.name.split(".").pop().toLowerCase())) event.target.reset();
});

document.getElementById("add-text").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (await send("add-text", event.target.elements.pasted.value, "txt")) event.target.reset();
});
