// Rolling back: another version serves.
import { api } from "./api.js";
import { refresh } from "./live.js";

const project = location.pathname.split("/")[2];
const refused = document.getElementById("refused");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-serve]");
  if (!button) return;
  button.disabled = true;
  refused.hidden = true;
  try {
    await api("POST", `/api/v1/projects/${project}/models/${button.dataset.serve}/serve`, {});
    await refresh();
  } catch (problem) {
    refused.textContent = problem.detail ?? problem.message;
    refused.hidden = false;
    button.disabled = false;
  }
});
