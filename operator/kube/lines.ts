/** Cuts a stream into lines. No I/O: chunks in, whole lines out. */

/** Larger than any object that etcd takes, several times over, since JSON spells out what is stored compactly. */
const LINE_BYTES_MAX = 16 * 1024 * 1024;
const NEWLINE = 0x0a;

export class LineTooLong extends Error {
  override readonly name = "LineTooLong";
}

export function lineCutter(bytesMax = LINE_BYTES_MAX): (chunk: Uint8Array) => string[] {
  let parts: Uint8Array[] = [];
  let heldBytes = 0;
  const hold = (part: Uint8Array): void => {
    heldBytes += part.byteLength;
    if (heldBytes > bytesMax) throw new LineTooLong(`a line of more than ${bytesMax} bytes`);
    parts.push(part);
  };
  return (chunk) => {
    const lines: string[] = [];
    let from = 0;
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      hold(chunk.subarray(from, end));
      const line = Buffer.concat(parts).toString("utf8");
      if (line !== "") lines.push(line);
      parts = [];
      heldBytes = 0;
      from = end + 1;
    }
    if (from < chunk.byteLength) hold(chunk.subarray(from));
    return lines;
  };
}
