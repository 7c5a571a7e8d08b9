// Stretches of a text with labels. The text stays one text node in a read-only text box, so caret, word steps, double
// click, right-to-left text and graphemes are the browser's own; spans are painted on it, never put into it.

import { colour, LabelList, made } from "./label-list.js";
import { Offsets, snapped, tokenAt } from "./offsets.js";
import { paint } from "./span-paint.js";

const same = (a, b) => a.start === b.start && a.end === b.end;
const inOrder = (a, b) => a.start - b.start || a.end - b.end || (a.label < b.label ? -1 : 1);
const quoted = (text) => `“${text.length > 40 ? `${text.slice(0, 40)}…` : text}”`;

class SpanField extends HTMLElement {
  setUp({ labels, keys, settings }) {
    if (!this.list) this.build();
    this.labels = labels;
    this.overlap = settings.overlap;
    this.list.set(labels, keys);
    if (this.value) this.draw();
  }

  build() {
    this.text = made("div", { className: "text spans-text", contentEditable: "true", spellcheck: false, dir: "auto" });
    const roles = { role: "textbox", "aria-multiline": "true", "aria-readonly": "true", "aria-label": "Text to mark", inputmode: "none", tabindex: "0", autocorrect: "off", autocapitalize: "off" };
    for (const [name, value] of Object.entries(roles)) this.text.setAttribute(name, value);
    this.tags = made("div", { className: "tags" });
    this.tags.setAttribute("aria-hidden", "true");
    this.hint = made("p", { className: "hint" });
    this.chips = made("ul", { className: "chips" });
    this.chips.setAttribute("aria-label", "Spans");
    this.append(made("div", { className: "text-frame" }, this.text, this.tags), this.chips, this.hint);
    this.list = new LabelList(this, { pick: (label) => this.press(label), coloured: true });
    this.guard();
    this.text.addEventListener("pointerup", (event) => this.dragged(event));
    this.text.addEventListener("dblclick", (event) => this.dragged(event));
    document.addEventListener("selectionchange", () => this.moved());
    this.chips.addEventListener("keydown", (event) => this.onChip(event));
    this.chips.addEventListener("focusin", (event) => this.onChips(event));
    new ResizeObserver(() => this.value && this.paint()).observe(this.text);
  }

  /** Nothing edits the text: typing and pasting are refused; what gets through (input methods do) is put back. */
  guard() {
    for (const name of ["beforeinput", "paste", "cut", "drop", "dragstart"]) {
      this.text.addEventListener(name, (event) => event.preventDefault());
    }
    this.watch = new MutationObserver(() => {
      const [only] = this.text.childNodes;
      if (this.text.childNodes.length === 1 && only === this.node && only.data === this.offsets.text) return;
      this.restore();
    });
    this.text.addEventListener("compositionend", () => this.restore());
  }

  restore() {
    const at = this.selected ?? { start: 0, end: 0 };
    this.watch.disconnect();
    this.node = document.createTextNode(this.offsets.text);
    this.text.replaceChildren(this.node);
    this.watch.observe(this.text, { childList: true, characterData: true, subtree: true });
    this.select(at);
    this.draw();
  }

  show({ text, tokens, value, from }) {
    this.offsets = new Offsets(text);
    this.tokens = tokens ?? [];
    this.value = [...(value ?? [])].sort(inOrder);
    this.from = from;
    this.current = null;
    this.selected = null;
    this.restore();
    this.text.scrollTop = 0;
    this.list.clear();
    this.text.focus({ preventScroll: true });
    this.select({ start: 0, end: 0 });
  }

  get ready() {
    return this.value;
  }

  /** The selection as code points, or null where it is not in the text. */
  read() {
    const selection = getSelection();
    if (!selection.rangeCount || !this.text.contains(selection.anchorNode) || !this.text.contains(selection.focusNode)) return null;
    const range = selection.getRangeAt(0);
    const unit = (node, at) => (node === this.node ? at : at === 0 ? 0 : this.offsets.text.length);
    const start = this.offsets.point(unit(range.startContainer, range.startOffset));
    const end = this.offsets.point(unit(range.endContainer, range.endOffset));
    return { start, end };
  }

  select({ start, end }) {
    getSelection().setBaseAndExtent(this.node, this.offsets.unit(start), this.node, this.offsets.unit(end));
    this.selected = { start, end };
  }

  moved() {
    if (!this.node || !this.isConnected) return;
    const now = this.chips.contains(document.activeElement) ? null : this.read();
    if (now === null || (this.selected && same(now, this.selected))) return;
    this.selected = now;
    const before = this.current;
    if (document.activeElement === this.text) this.current = now.start === now.end ? this.inner(now.start) : null;
    if (before !== this.current) this.draw();
  }

  /** A drag ends at words, unless Alt or Shift is held; a click on a span chooses it. */
  dragged(event) {
    const now = this.read();
    if (now === null) return;
    if (now.start === now.end) {
      this.choose(this.inner(now.start));
      return;
    }
    if (event.altKey || event.shiftKey || event.pointerType === "touch") return;
    const whole = snapped(this.tokens, now.start, now.end);
    if (whole) this.select(whole);
  }

  /** The shortest span around a caret, by its place, or null. */
  inner(caret) {
    const around = this.value.filter((span) => span.start <= caret && caret < span.end);
    around.sort((a, b) => a.end - a.start - (b.end - b.start));
    return around.length ? this.value.indexOf(around[0]) : null;
  }

  choose(place) {
    if (place === this.current) return;
    this.current = Number.isInteger(place) && place < this.value.length ? place : null;
    this.draw();
  }

  /** Labels the selection; otherwise relabels the chosen span; otherwise labels the word at the caret. */
  press(label) {
    this.moved(); // the browser tells of a new caret a little later than keys come
    const { start, end } = this.selected ?? { start: 0, end: 0 };
    const chosen = this.current === null ? null : this.value[this.current];
    const marked = start < end ? this.offsets.trimmed(start, end) : null;
    if (chosen && !marked) this.relabel(chosen, label);
    else {
      const stretch = marked ?? tokenAt(this.tokens, start);
      if (!stretch) return this.say("There is no word at the caret. Select some text, then press a label's key.");
      this.add({ ...stretch, label });
    }
    return true;
  }

  add(span) {
    const twin = this.value.find((one) => same(one, span));
    if (twin && (!this.overlap || twin.label === span.label)) return this.relabel(twin, span.label);
    const other = this.overlap ? null : this.value.find((one) => one.start < span.end && span.start < one.end);
    if (other) {
      const words = quoted(this.offsets.slice(other.start, other.end));
      return this.say(`It overlaps ${words} (${other.label}), and this project refuses overlapping spans. Remove that one first, or allow overlaps in the settings.`);
    }
    this.change([...this.value, span], `${span.label}: ${quoted(this.offsets.slice(span.start, span.end))}`);
    this.select({ start: span.end, end: span.end });
    return true;
  }

  relabel(span, label) {
    const changed = { ...span, label };
    const rest = this.value.filter((one) => one !== span && !(same(one, span) && one.label === label));
    this.change([...rest, changed], `${quoted(this.offsets.slice(span.start, span.end))} is ${label} now`);
    this.choose(this.value.indexOf(changed));
    return true;
  }

  /** Removes the chosen span, or the one at the caret; without one, all marks of the model that nobody touched yet. */
  clear() {
    this.moved();
    if (this.current === null) return this.from === "suggestion" && this.value.length ? (this.change([], "Suggestion cleared"), true) : false;
    const span = this.value[this.current];
    this.change(this.value.filter((one) => one !== span), `Removed ${span.label}: ${quoted(this.offsets.slice(span.start, span.end))}`);
    return true;
  }

  change(value, said) {
    const had = document.activeElement?.closest?.(".chips") ? this.current : null;
    this.value = value.sort(inOrder);
    this.current = null;
    this.draw();
    if (had !== null) (this.chips.querySelectorAll("button.chip")[Math.min(had, this.value.length - 1)] ?? this.text).focus();
    this.dispatchEvent(new CustomEvent("change", { detail: { value: this.value, done: false, said } }));
  }

  say(words) {
    this.dispatchEvent(new CustomEvent("refused", { detail: words }));
    return true;
  }

  onChips(event) {
    this.selected = null; // the list is in charge now, not the text
    this.choose(Number(event.target.dataset.place));
  }

  /** In the list of spans: Delete removes, a label's key relabels (the page sees to that), Escape goes back. */
  onChip(event) {
    if (event.key === "Escape") {
      this.text.focus();
      event.preventDefault();
    }
  }

  draw() {
    const focused = this.chips.contains(document.activeElement) ? Number(document.activeElement.dataset.place) : null;
    this.chips.replaceChildren(...this.value.map((span, place) => this.chip(span, place)));
    this.chips.hidden = this.value.length === 0;
    if (focused !== null) this.chips.querySelector(`.chip[data-place="${focused}"]`)?.focus();
    this.paint();
  }

  chip(span, place) {
    const words = this.offsets.slice(span.start, span.end);
    const name = made("button", { type: "button", className: `chip colour-${colour(span.label, this.labels)}` }, made("b", { textContent: span.label }), made("bdi", { textContent: words }));
    name.dataset.place = place;
    name.setAttribute("aria-pressed", String(place === this.current));
    name.setAttribute("aria-keyshortcuts", "Delete");
    const remove = made("button", { type: "button", className: "quiet icon remove", textContent: "×" });
    remove.dataset.place = place;
    remove.setAttribute("aria-label", `Remove ${span.label}: ${words}`);
    remove.tabIndex = -1; // Delete does the same
    for (const button of [name, remove]) button.addEventListener("mousedown", (event) => event.preventDefault());
    name.addEventListener("click", () => this.choose(place));
    remove.addEventListener("click", () => (this.choose(place), this.clear()));
    return made("li", {}, name, remove);
  }

  paint() {
    paint(this);
  }
}

customElements.define("span-field", SpanField);
