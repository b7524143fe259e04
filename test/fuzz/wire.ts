/** Messages cut out of a stream of bytes and put into words, apart from the code under test. */
export class Messages {
  #rest: Buffer = Buffer.alloc(0);

  /** The whole messages that have come together with these bytes. */
  add(bytes: Buffer): Buffer[] {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const found: Buffer[] = [];
    let at = 0;
    while (all.length - at >= 5) {
      const end = at + 1 + all.readInt32BE(at + 1);
      if (end > all.length || end < at + 5) break;
      found.push(all.subarray(at, end));
      at = end;
    }
    this.#rest = all.subarray(at);
    return found;
  }

  get isBetween(): boolean {
    return this.#rest.length === 0;
  }
}

export const typeOf = (message: Buffer): string => String.fromCharCode(message[0] ?? 0);

/** SQLSTATE for errors and notices, everything there is for the rest. */
export function inWords(message: Buffer): string {
  const type = typeOf(message);
  if (type === "E" || type === "N") return `${type}(${sqlState(message)})`;
  if (type === "Z") return `Z(${message.toString("latin1", 5)})`;
  const body = message.toString("latin1", 5);
  if (type === "C") return `C(${body.slice(0, -1)})`;
  return body === "" ? type : `${type}(${JSON.stringify(body).slice(1, -1)})`;
}

export function sqlState(message: Buffer): string {
  for (let at = 5; at < message.length && message[at] !== 0; ) {
    const end = message.indexOf(0, at + 1);
    if (message[at] === 0x43) return message.toString("latin1", at + 1, end);
    at = end + 1;
  }
  return "";
}
