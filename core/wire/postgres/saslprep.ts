/**
 * SASLprep (RFC 4013) of a password that is bytes and stays bytes: only single characters, or a letter with its accents,
 * become strings on the way. As in PostgreSQL, a password that may not be prepared is used as it is.
 */

/** The argument itself when there is nothing to prepare; else new bytes, which the caller wipes. */
export function preparedPassword(password: Uint8Array): Uint8Array {
  if (password.every((byte) => byte < 0x80)) return password;
  const points = codePoints(password);
  if (points === undefined) return password;
  const mapped = points.filter((point) => !isNothing(point)).map((point) => (isSpace(point) ? 0x20 : point));
  const prepared = normalized(mapped);
  const usable =
    prepared.length > 0 && !prepared.some((point) => isProhibited(point)) && hasOneDirection(prepared);
  const bytes = usable ? encode(prepared) : password;
  for (const list of [points, mapped, prepared]) list.fill(0);
  return bytes;
}

/** Strict UTF-8; undefined for anything else. */
function codePoints(bytes: Uint8Array): number[] | undefined {
  const points: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const first = bytes[at] as number;
    const length =
      first < 0x80
        ? 1
        : first >= 0xc2 && first < 0xe0
          ? 2
          : first >= 0xe0 && first < 0xf0
            ? 3
            : first >= 0xf0 && first < 0xf5
              ? 4
              : 0;
    if (length === 0 || at + length > bytes.length) return undefined;
    let point = length === 1 ? first : first & (0xff >> (length + 1));
    for (let index = 1; index < length; index += 1) {
      const next = bytes[at + index] as number;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    const least = [0, 0, 0x80, 0x800, 0x10000][length] ?? 0;
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return undefined;
    points.push(point);
    at += length;
  }
  return points;
}

const character = (point: number): string => String.fromCodePoint(point);

/** Table B.1: soft hyphen, joiners, variation selectors and the like. */
const isNothing = (point: number): boolean =>
  point === 0xad ||
  point === 0x34f ||
  point === 0x1806 ||
  (point >= 0x180b && point <= 0x180d) ||
  (point >= 0x200c && point <= 0x200d) ||
  point === 0x2060 ||
  (point >= 0xfe00 && point <= 0xfe0f) ||
  point === 0xfeff;
/** Table C.1.2, and the zero width space as PostgreSQL maps it. */
const isSpace = (point: number): boolean =>
  point > 0x7f && (/^\p{Zs}$/u.test(character(point)) || point === 0x200b);

/** NFKC works on a starter and the marks behind it (jamo among themselves), so no longer piece is ever a string. */
function normalized(points: readonly number[]): number[] {
  const out: number[] = [];
  let piece = "";
  const flush = (): void => {
    for (const part of piece.normalize("NFKC")) out.push(part.codePointAt(0) ?? 0);
    piece = "";
  };
  for (const point of points) {
    const joins = /^[\p{M}\u1160-\u11ff]$/u.test(character(point)) && piece !== "";
    if (!joins) flush();
    piece += character(point);
  }
  flush();
  return out;
}

/** Tables C.2 to C.9: controls, private use, non-characters, surrogates, and what changes display. */
const isProhibited = (point: number): boolean =>
  /^[\p{Cc}\p{Cf}\p{Co}\p{Cn}\p{Cs}\p{Zl}\p{Zp}\ufffc\ufffd\u2ff0-\u2ffb]$/u.test(character(point));

/** RFC 3454 §6, with scripts in the place of its tables: letters of both directions do not mix. */
function hasOneDirection(points: readonly number[]): boolean {
  const rightToLeft = (point: number): boolean =>
    /^[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}]$/u.test(character(point)) &&
    /^\p{L}$/u.test(character(point));
  if (!points.some(rightToLeft)) return true;
  const leftToRight = (point: number): boolean => /^\p{L}$/u.test(character(point)) && !rightToLeft(point);
  const [first = 0] = points;
  const last = points.at(-1) ?? 0;
  return !points.some(leftToRight) && rightToLeft(first) && rightToLeft(last);
}

function encode(points: readonly number[]): Uint8Array {
  const out = Buffer.alloc(points.length * 4);
  let at = 0;
  for (const point of points) at += out.write(character(point), at, "utf8");
  const exact = Buffer.from(out.subarray(0, at));
  out.fill(0);
  return exact;
}
