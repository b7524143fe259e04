/**
 * A form as RFC 6749 wants it (section 3.2 and appendix B): no parameter twice, one without a value is none. It is read as bytes
 * and stays bytes, so that a token in it can be wiped.
 */
export type Form = ReadonlyMap<string, Buffer>;

export type FormProblem = "too many parameters" | "not a form" | "a parameter stands there twice";

const PARAMETERS_MAX = 32;
const NAME = /^[a-z_]{1,64}$/;

const [AND, EQUALS, PERCENT, PLUS, SPACE] = [0x26, 0x3d, 0x25, 0x2b, 0x20];

export function readForm(body: Buffer): Form | FormProblem {
  const form = new Map<string, Buffer>();
  const seen = new Set<string>();
  for (const piece of split(body)) {
    if (piece.length === 0) continue;
    if (seen.size >= PARAMETERS_MAX) return "too many parameters";
    const at = piece.indexOf(EQUALS);
    const name = decode(at < 0 ? piece : piece.subarray(0, at))?.toString("latin1");
    const value = at < 0 ? Buffer.alloc(0) : decode(piece.subarray(at + 1));
    if (name === undefined || value === undefined) return "not a form";
    if (seen.has(name)) return "a parameter stands there twice";
    seen.add(name);
    // Those that no standard has are nobody's, and are passed over as section 3.2 says.
    if (value.length > 0 && NAME.test(name)) form.set(name, value);
  }
  return form;
}

function* split(body: Buffer): Generator<Buffer> {
  for (let from = 0; from <= body.length; ) {
    const next = body.indexOf(AND, from);
    const to = next < 0 ? body.length : next;
    yield body.subarray(from, to);
    from = to + 1;
  }
}

/** In a copy; undefined when something is encoded that is no byte. */
function decode(piece: Buffer): Buffer | undefined {
  const bytes = Buffer.alloc(piece.length);
  let length = 0;
  for (let at = 0; at < piece.length; at += 1) {
    let byte = piece[at];
    if (byte === PLUS) byte = SPACE;
    else if (byte === PERCENT) {
      const digits = piece.toString("latin1", at + 1, at + 3);
      if (!/^[0-9A-Fa-f]{2}$/.test(digits)) return undefined;
      byte = Number.parseInt(digits, 16);
      at += 2;
    }
    bytes.writeUInt8(byte ?? 0, length);
    length += 1;
  }
  return bytes.subarray(0, length);
}
