// Any number of labels: presses mark, Enter submits.

import { LabelList, made } from "./label-list.js";

class MultilabelField extends HTMLElement {
  setUp({ labels, keys }) {
    if (!this.list) {
      this.text = made("p", { className: "text", tabIndex: -1, dir: "auto" });
      this.hint = made("p", { className: "hint" });
      this.append(this.text, this.hint);
      this.list = new LabelList(this, { pick: (label) => this.press(label), toggles: true });
    }
    this.labels = labels;
    this.list.set(labels, keys);
    if (this.value) this.list.mark(new Set(this.value), this.from);
  }

  show({ text, value, from }) {
    this.text.textContent = text;
    this.value = value ?? [];
    this.from = from;
    this.list.mark(new Set(this.value), from);
    this.list.clear();
    this.text.focus({ preventScroll: true });
  }

  press(label) {
    const marked = new Set(this.value);
    if (!marked.delete(label)) marked.add(label);
    this.change(this.labels.filter((one) => marked.has(one)));
    return true;
  }

  /** What Enter would answer; null while nothing is marked that a person or the model meant. */
  get ready() {
    return this.value.length || this.from ? this.value : null;
  }

  clear() {
    if (this.value.length) this.change([]);
    return true;
  }

  change(value) {
    this.value = value;
    this.from = this.from === "before" ? "before" : null;
    this.list.mark(new Set(value));
    this.dispatchEvent(new CustomEvent("change", { detail: { value, done: false } }));
  }
}

customElements.define("multilabel-field", MultilabelField);
