// The file is made first; what it leaves out is said, and then it can be downloaded.
const form = document.getElementById("export");
const prepared = document.getElementById("prepared");
const refused = document.getElementById("refused");
let url = null;
let latest = 0; // a file that was overtaken by another choice is not shown

const SIZES = ["B", "kB", "MB", "GB"];

/** A number of bytes as people say it. */
function size(bytes) {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), SIZES.length - 1);
  return `${(bytes / 1000 ** power).toFixed(power ? 1 : 0)} ${SIZES[power]}`;
}

/** The file's name in a Content-Disposition header. */
function nameIn(header) {
  const coded = /filename\*=utf-8''([^;]+)/i.exec(header);
  return coded ? decodeURIComponent(coded[1]) : (/filename="([^"]*)"/.exec(header)?.[1] ?? "export");
}

function show(name, notes, blob) {
  const part = document.getElementById("done").content.cloneNode(true);
  part.querySelector("h2").textContent = `${name} is ready`;
  part.querySelector(".without").hidden = notes.length > 0;
  part.querySelector(".with").hidden = notes.length === 0;
  part.querySelector(".notes").append(
    ...notes.map((note) => Object.assign(document.createElement("li"), { textContent: note })),
  );
  part.querySelector(".size").textContent = size(blob.size);
  url = URL.createObjectURL(blob);
  Object.assign(part.querySelector("a"), { href: url, download: name });
  prepared.replaceChildren(part);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  const own = ++latest;
  if (url) URL.revokeObjectURL(url);
  url = null;
  refused.hidden = true;
  prepared.textContent = "Preparing …";
  button.disabled = true;
  try {
    const response = await fetch(`${form.action}?${new URLSearchParams(new FormData(form))}`);
    if (response.ok) {
      const notes = JSON.parse(response.headers.get("Tithe-Notes") ?? "[]");
      const blob = await response.blob();
      if (own === latest) show(nameIn(response.headers.get("Content-Disposition") ?? ""), notes, blob);
    } else {
      throw new Error((await response.json()).detail);
    }
  } catch (problem) {
    prepared.replaceChildren();
    refused.textContent = problem instanceof TypeError ? "The server does not answer; is it still running?" : problem.message;
    refused.hidden = false;
  } finally {
    button.disabled = false;
  }
});

// Another choice makes another file: the one that was prepared must not be taken for it.
form.addEventListener("change", () => (latest++, prepared.replaceChildren()));
