// Paints spans on a text with the CSS Custom Highlight API, and their labels above them.

import { colour, made } from "./label-list.js";

const COLOURS = 8;
const can = typeof Highlight === "function" && CSS.highlights !== undefined;

const rangeOf = ({ node, offsets }, { start, end }) => {
  const range = document.createRange();
  range.setStart(node, offsets.unit(start));
  range.setEnd(node, offsets.unit(end));
  return range;
};

/** Draws what a span field shows: its `value`, `current` and `labels`, on its `node`. */
export function paint(field) {
  const ranges = field.value.map((span) => rangeOf(field, span));
  if (can) {
    for (let n = 0; n < COLOURS; n++) {
      const own = ranges.filter((_, place) => colour(field.value[place].label, field.labels) === n);
      CSS.highlights.set(`span-${n}`, new Highlight(...own));
    }
    const chosen = new Highlight(...(field.current === null ? [] : [ranges[field.current]]));
    chosen.priority = 1;
    CSS.highlights.set("span-chosen", chosen);
  }
  tags(field, ranges);
}

/** A span's label stands above its first line, so that colour is never the only sign; it never covers the next one. */
function tags({ value, labels, tags: host }, ranges) {
  const frame = host.getBoundingClientRect();
  const places = ranges.map((range, n) => ({ box: range.getClientRects()[0], label: value[n].label })).filter((one) => one.box);
  places.sort((a, b) => Math.round(a.box.top - b.box.top) || a.box.left - b.box.left);
  host.replaceChildren(
    ...places.map(({ box, label }, n) => {
      const tag = made("span", { className: `tag colour-${colour(label, labels)}`, textContent: label });
      const next = places[n + 1];
      const room = next && Math.abs(next.box.top - box.top) < 4 ? next.box.left - box.left - 2 : frame.right - box.left;
      tag.style.left = `${box.left - frame.left}px`;
      tag.style.top = `${box.top - frame.top}px`;
      tag.style.maxWidth = `${Math.max(room, 12)}px`;
      return tag;
    }),
  );
}
