// Rolling back: another version serves.
import { api, project } from "./api.js";
import { refresh } from "./live.js";

const refused = document.getElementById("refused");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-serve]");
  if (!button) return;
  button.disabled = true;
  refused.hidden = true;
  try {
    await api("POST", project(`/models/${button.dataset.serve}/serve`), {});
    await refresh();
  } catch (problem) {
    refused.textContent = problem.detail;
    refused.hidden = false;
    button.disabled = false;
  }
});
