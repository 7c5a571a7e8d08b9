// One label of several: a press answers.

import { LabelList, made } from "./label-list.js";

/**
 * The seam of every task's field: `setUp({labels, keys, settings})`, `show({text, tokens, value, from})`,
 * `press(label)`, `clear()`, `value`; it fires `change` {value, done} and knows nothing of the server.
 */
class ChoiceField extends HTMLElement {
  setUp({ labels, keys }) {
    if (!this.list) {
      this.text = made("p", { className: "text", tabIndex: -1, dir: "auto" });
      this.hint = made("p", { className: "hint" });
      this.append(this.text, this.hint);
      this.list = new LabelList(this, { pick: (label) => this.press(label) });
    }
    this.list.set(labels, keys);
  }

  show({ text, value, from }) {
    this.text.textContent = text;
    this.value = from === "suggestion" ? null : value;
    this.list.mark(new Set(this.value === null ? [] : [this.value]), from);
    this.suggested = from === "suggestion" ? value : null;
    this.list.clear();
    this.text.focus({ preventScroll: true });
  }

  press(label) {
    this.value = label;
    this.dispatchEvent(new CustomEvent("change", { detail: { value: label, done: true } }));
    return true;
  }

  /** What Enter would answer: the suggestion, or the answer given before; null where there is neither. */
  get ready() {
    return this.value ?? this.suggested;
  }

  clear() {
    return false; // nothing is marked that could be cleared
  }
}

customElements.define("choice-field", ChoiceField);
