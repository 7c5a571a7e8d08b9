// The labels as buttons with their keys, and a field that finds one by typing where there are many.

const MANY = 12;

const made = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};
export { made };

/** The colour of a label: its place among the declared ones, eight in turn (as in service/showing.py). */
export const colour = (label, labels) => Math.max(0, labels.indexOf(label)) % 8;

/** Draws into `host`; `pick(label)` is called for a click, or for Enter in the field. */
export class LabelList {
  constructor(host, { pick, coloured = false, toggles = false }) {
    this.host = host;
    this.pick = pick;
    this.coloured = coloured;
    this.toggles = toggles;
    this.buttons = new Map();
    this.filter = made("input", { type: "search", className: "find-label", placeholder: "Find a label", autocomplete: "off" });
    this.filter.setAttribute("aria-label", "Find a label");
    this.filter.setAttribute("aria-keyshortcuts", "l");
    this.box = made("div", { className: "labels" });
    this.box.setAttribute("role", "group");
    this.box.setAttribute("aria-label", "Labels");
    this.none = made("p", { className: "quiet small", textContent: "No label is called so.", hidden: true });
    this.chosen = made("p", { className: "quiet small chosen-words" });
    const key = made("kbd", { textContent: "l" });
    host.append(made("div", { className: "find-row" }, this.filter, key, this.chosen), this.box, this.none);
    this.filter.addEventListener("input", () => this.narrow());
    this.filter.addEventListener("keydown", (event) => this.typed(event));
    this.filter.addEventListener("blur", () => !this.filter.value || this.clear());
  }

  /** Shows these labels, each with its key if it has one. */
  set(labels, keys) {
    this.labels = labels;
    this.buttons = new Map(labels.map((label) => [label, this.button(label, keys.get(label))]));
    this.box.replaceChildren(...this.buttons.values());
    this.box.classList.toggle("many", labels.length > MANY);
    this.filter.parentElement.hidden = labels.length <= MANY;
    this.clear();
  }

  button(label, key) {
    const button = made("button", { type: "button", className: "label" }, made("span", { textContent: label }));
    if (this.coloured) button.classList.add(`colour-${colour(label, this.labels)}`);
    if (this.toggles) button.setAttribute("aria-pressed", "false");
    if (key) {
      button.append(made("kbd", { textContent: key }));
      button.setAttribute("aria-keyshortcuts", key);
    }
    button.addEventListener("mousedown", (event) => event.preventDefault()); // the text keeps its focus and selection
    button.addEventListener("click", () => this.pick(label));
    return button;
  }

  /** Marks the chosen labels; `from` says whose choice it was: "suggestion", "before" or "you". */
  mark(chosen, from = "you") {
    for (const [label, button] of this.buttons) {
      if (this.toggles) button.setAttribute("aria-pressed", String(chosen.has(label)));
      button.classList.toggle("chosen", chosen.has(label));
      button.classList.toggle("suggested", chosen.has(label) && from === "suggestion");
    }
    this.chosen.textContent = this.toggles && chosen.size ? `Marked: ${[...chosen].join(", ")}` : "";
  }

  /** Begins to look for a label; false where there is no field. */
  find() {
    if (this.filter.parentElement.hidden) return false;
    this.filter.focus();
    return true;
  }

  get visible() {
    return [...this.buttons].filter(([, button]) => !button.hidden).map(([label]) => label);
  }

  narrow() {
    const wanted = this.filter.value.trim().toLowerCase();
    // Nothing below moves while labels are hidden.
    this.box.style.minHeight = wanted ? this.box.style.minHeight || `${this.box.offsetHeight}px` : "";
    const rank = (label) => {
      const name = label.toLowerCase();
      if (name === wanted) return 0;
      if (name.startsWith(wanted)) return 1;
      return name.includes(wanted) ? 2 : 3;
    };
    const ranks = new Map(this.labels.map((label) => [label, rank(label)]));
    for (const [label, button] of this.buttons) button.hidden = ranks.get(label) === 3;
    this.order = this.visible.sort((a, b) => ranks.get(a) - ranks.get(b));
    this.none.hidden = this.order.length > 0;
    this.aim(0);
  }

  aim(at) {
    this.at = Math.max(0, Math.min(at, this.order.length - 1));
    for (const button of this.buttons.values()) button.classList.remove("aimed");
    if (!this.filter.value) return;
    const button = this.buttons.get(this.order[this.at]);
    button?.classList.add("aimed");
    button?.scrollIntoView({ block: "nearest" });
  }

  typed(event) {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      this.aim(this.at + (event.key === "ArrowDown" ? 1 : -1));
      event.preventDefault();
    } else if (event.key === "Escape") {
      this.clear();
      this.host.dispatchEvent(new CustomEvent("left", { bubbles: true }));
    } else if (event.key === "Enter") {
      event.preventDefault();
      const label = this.filter.value ? this.order[this.at] : null;
      this.clear();
      if (label) this.pick(label);
      else this.host.dispatchEvent(new CustomEvent("enter", { bubbles: true }));
    }
  }

  clear() {
    this.filter.value = "";
    this.narrow();
  }
}
