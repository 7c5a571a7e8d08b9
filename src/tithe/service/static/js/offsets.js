// JavaScript counts UTF-16 units, tithe counts code points. They meet here and nowhere else.

/** The offsets of one text, both ways; one pass over the text, then each answer is a look into a table. */
export class Offsets {
  constructor(text) {
    this.text = text;
    this.pointAt = new Uint32Array(text.length + 1); // code points before each unit
    const units = []; // the unit at which each code point begins
    for (let unit = 0; unit < text.length; ) {
      const width = text.codePointAt(unit) > 0xffff ? 2 : 1;
      for (let half = 0; half < width; half++) this.pointAt[unit + half] = units.length;
      units.push(unit);
      unit += width;
    }
    units.push(text.length);
    this.unitAt = units;
    this.pointAt[text.length] = this.length = units.length - 1;
  }

  /** The code point that a unit belongs to. */
  point(unit) {
    return this.pointAt[Math.max(0, Math.min(unit, this.text.length))];
  }

  /** The unit at which a code point begins. */
  unit(point) {
    return this.unitAt[Math.max(0, Math.min(point, this.length))];
  }

  /** The text between two code points, end exclusive. */
  slice(start, end) {
    return this.text.slice(this.unit(start), this.unit(end));
  }

  /** Without the white space at its ends; null where nothing is left. */
  trimmed(start, end) {
    while (start < end && /^\s$/u.test(this.slice(start, start + 1))) start++;
    while (start < end && /^\s$/u.test(this.slice(end - 1, end))) end--;
    return start < end ? { start, end } : null;
  }
}

/** The stretch of whole tokens that [start, end) touches, or null. `tokens` are [start, end] in code points, in order. */
export function snapped(tokens, start, end) {
  const touched = tokens.filter(([from, to]) => from < end && start < to);
  return touched.length ? { start: touched[0][0], end: touched[touched.length - 1][1] } : null;
}

/** The token that the caret stands in or at the end of, or null. */
export function tokenAt(tokens, caret) {
  const found = tokens.find(([from, to]) => from <= caret && caret < to) ?? tokens.find(([, to]) => to === caret);
  return found ? { start: found[0], end: found[1] } : null;
}
