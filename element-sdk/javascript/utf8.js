// Text and its bytes. The engine in a component is small: it has no `TextEncoder`.

/** Text as UTF-8. */
export function encode(text) {
  if (globalThis.TextEncoder) return new TextEncoder().encode(text);
  const made = [];
  for (const letter of String(text)) {
    const code = letter.codePointAt(0);
    // Half of a pair is no character: what stands for one.
    const point = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
    if (point < 0x80) made.push(point);
    else if (point < 0x800) made.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) made.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else made.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return Uint8Array.from(made);
}

/** UTF-8 as text; bytes that are none become U+FFFD. */
export function decode(bytes) {
  if (globalThis.TextDecoder) return new TextDecoder().decode(Uint8Array.from(bytes));
  let made = "";
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at];
    const more = first < 0x80 ? 0 : first >= 0xc2 && first < 0xe0 ? 1 : first >= 0xe0 && first < 0xf0 ? 2 : first >= 0xf0 && first < 0xf5 ? 3 : -1;
    let point = more === 0 ? first : first & (63 >> more);
    let good = more >= 0 && at + more < bytes.length;
    for (let next = 1; good && next <= more; next += 1) {
      const byte = bytes[at + next];
      good = (byte & 0xc0) === 0x80;
      point = (point << 6) | (byte & 63);
    }
    const least = [0, 0x80, 0x800, 0x10000][more];
    good = good && point >= least && point <= 0x10ffff && !(point >= 0xd800 && point <= 0xdfff);
    made += good ? String.fromCodePoint(point) : "\ufffd";
    at += good ? more + 1 : 1;
  }
  return made;
}
