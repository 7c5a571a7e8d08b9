// Which key does what. The commands' keys are reserved: the settings refuse them for labels.

/** Each command: its keys as KeyboardEvent.key says them, with "Ctrl+" for Control or Command, and what it does. */
export const COMMANDS = {
  submit: { keys: ["Enter"], shown: "Enter", does: "Accept the suggestion, or submit what is marked" },
  skip: { keys: [" "], shown: "Space", does: "Skip this item" },
  reject: { keys: ["x"], shown: "x", does: "Reject: this text cannot be labelled" },
  none: { keys: ["n"], shown: "n", does: "No label applies; submit" },
  flag: { keys: ["f"], shown: "f", does: "Flag, to look at it again later" },
  comment: { keys: ["c"], shown: "c", does: "Write a comment" },
  remove: { keys: ["Delete", "Backspace"], shown: "Delete", does: "Remove the span at the caret; otherwise clear the marks" },
  undo: { keys: ["Ctrl+z"], shown: "Ctrl Z", does: "Undo, also answers to earlier items" },
  redo: { keys: ["Ctrl+Z", "Ctrl+y"], shown: "Ctrl Y", does: "Redo" },
  find: { keys: ["l"], shown: "l", does: "Find a label by typing" },
  search: { keys: ["/"], shown: "/", does: "Search items by words" },
  similar: { keys: ["s"], shown: "s", does: "Near duplicates of your last answer" },
  recent: { keys: ["r"], shown: "r", does: "Recent answers, to change one" },
  guide: { keys: ["g"], shown: "g", does: "Guidelines" },
  keys: { keys: ["?"], shown: "?", does: "All keys" },
};

const TAKEN = new Set(Object.values(COMMANDS).flatMap((command) => command.keys));
const ROWS = "1234567890qwertyuiopadhjkmvb".split("").filter((key) => !TAKEN.has(key));

/** A key for each label as far as they reach, in the labels' order; those that a person chose come first. */
export function allocate(labels, chosen = {}) {
  const keys = new Map(labels.filter((label) => chosen[label]).map((label) => [label, chosen[label].toLowerCase()]));
  const used = new Set(keys.values());
  const free = ROWS.filter((key) => !used.has(key));
  for (const label of labels) if (!keys.has(label) && free.length) keys.set(label, free.shift());
  return keys;
}

function pressed(event) {
  if (event.altKey) return null;
  if (!event.ctrlKey && !event.metaKey) return event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (event.key.length !== 1) return null;
  // Caps lock turns the letters over; Shift alone says which of the two is meant.
  return `Ctrl+${event.shiftKey ? event.key.toUpperCase() : event.key.toLowerCase()}`;
}

const isTyping = (target) => target.closest?.("input:not([type=checkbox], [type=radio]), textarea, select") !== null;
const isControl = (target) => target.closest?.("button, a, summary, input, label, dialog") !== null;

/**
 * Listens to the page. `command(name)` and `label(key)` say whether they did something with it.
 * In a field only Escape works, and it leaves the field. A focused button keeps its Enter and Space.
 */
export function listen({ command, label }) {
  const byKey = new Map(Object.entries(COMMANDS).flatMap(([name, { keys }]) => keys.map((key) => [key, name])));
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.target.closest?.("dialog")) return;
    if (isTyping(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const key = pressed(event);
    if (key === null || ((key === "Enter" || key === " ") && isControl(event.target))) return;
    if (event.repeat && !key.startsWith("Ctrl+")) {
      if (key.length === 1 || key === "Enter") event.preventDefault(); // a key held down answers one item, not ten
      return;
    }
    const done = byKey.has(key) ? command(byKey.get(key)) : key.length === 1 && label(key);
    if (done) event.preventDefault();
  });
}

/** Writes its key on every button of a command inside `root`. */
export function hint(root) {
  for (const button of root.querySelectorAll("[data-command]")) {
    const { shown } = COMMANDS[button.dataset.command];
    button.append(Object.assign(document.createElement("kbd"), { textContent: shown }));
    button.setAttribute("aria-keyshortcuts", shown.replace("Ctrl ", "Control+"));
  }
}

/** The rows of the key sheet: [keys, what they do]. `names` are the commands of this task; `labels` a Map. */
export function sheet(names, labels) {
  const own = [...labels].map(([label, key]) => [key, label]);
  return { commands: names.map((name) => [COMMANDS[name].shown, COMMANDS[name].does]), labels: own };
}
