/** Reads what stands around the values of a Bind: the names before them and the result formats behind. */
import { MalformedMessage } from "./fields.ts";

export interface BindHead {
  readonly portal: string;
  readonly statement: string;
  /** None: all text. One: it holds for every column. Else one for each column. */
  readonly resultFormats: readonly number[];
}

const NAME_BYTES_MAX = 4096;
const FORMATS_MAX = 32_768;

type Stage =
  | "portal"
  | "statement"
  | "formatCount"
  | "formats"
  | "valueCount"
  | "valueLength"
  | "value"
  | "resultCount"
  | "results"
  | "done";

/** Takes the body of a Bind in pieces of any size and steps over the values without keeping them. */
export class BindReader {
  #stage: Stage = "portal";
  #portal: Buffer = Buffer.alloc(0);
  #statement: Buffer = Buffer.alloc(0);
  #results: number[] = [];
  /** Of the current stage: items to come, bytes to skip. */
  #items = 0;
  #skipBytes = 0;
  #partial: Buffer = Buffer.alloc(0);

  feed(bytes: Buffer): void {
    let rest = this.#partial.length === 0 ? bytes : Buffer.concat([this.#partial, bytes]);
    for (;;) {
      const used = this.#step(rest);
      if (used < 0) break;
      rest = rest.subarray(used);
    }
    this.#partial = rest.length === 0 ? rest : Buffer.from(rest);
    if (this.#stage === "done" && rest.length > 0)
      throw new MalformedMessage("a Bind is longer than what it says");
  }

  /** Throws when the body ended before it was complete. */
  end(): BindHead {
    if (this.#stage !== "done") throw new MalformedMessage("a Bind ends early");
    return {
      portal: this.#portal.toString("utf8"),
      statement: this.#statement.toString("utf8"),
      resultFormats: this.#results,
    };
  }

  /** Bytes used by one step; -1: more are needed, or nothing is left to do. */
  #step(bytes: Buffer): number {
    switch (this.#stage) {
      case "portal":
      case "statement":
        return this.#name(bytes);
      case "formatCount":
        return this.#count(bytes, "formats");
      case "formats":
        return this.#skip(bytes, "valueCount");
      case "valueCount":
        return this.#count(bytes, "valueLength");
      case "valueLength":
        return this.#valueLength(bytes);
      case "value":
        return this.#skip(bytes, "valueLength");
      case "resultCount":
        return this.#count(bytes, "results");
      case "results":
        return this.#result(bytes);
      case "done":
        return -1;
    }
  }

  #name(bytes: Buffer): number {
    const zero = bytes.indexOf(0);
    if (zero < 0 ? bytes.length > NAME_BYTES_MAX : zero > NAME_BYTES_MAX)
      throw new MalformedMessage("a name is too long");
    if (zero < 0) return -1;
    const name = Buffer.from(bytes.subarray(0, zero));
    if (this.#stage === "portal") this.#portal = name;
    else this.#statement = name;
    this.#stage = this.#stage === "portal" ? "statement" : "formatCount";
    return zero + 1;
  }

  #count(bytes: Buffer, next: Stage): number {
    if (bytes.length < 2) return -1;
    const count = bytes.readUInt16BE(0);
    if (next === "results" && count > FORMATS_MAX)
      throw new MalformedMessage("a Bind asks for too many formats");
    this.#items = count;
    this.#skipBytes = count * 2;
    this.#stage = next;
    return 2;
  }

  #skip(bytes: Buffer, next: Stage): number {
    const used = Math.min(bytes.length, this.#skipBytes);
    if (used === 0 && this.#skipBytes > 0) return -1;
    this.#skipBytes -= used;
    if (this.#skipBytes === 0) this.#stage = next;
    return used;
  }

  #valueLength(bytes: Buffer): number {
    if (this.#items === 0) {
      this.#stage = "resultCount";
      return 0;
    }
    if (bytes.length < 4) return -1;
    const length = bytes.readInt32BE(0);
    if (length < -1) throw new MalformedMessage("a value has an impossible length");
    this.#items -= 1;
    this.#skipBytes = Math.max(length, 0);
    this.#stage = "value";
    return 4;
  }

  #result(bytes: Buffer): number {
    if (this.#items === 0) {
      this.#stage = "done";
      return 0;
    }
    if (bytes.length < 2) return -1;
    this.#results.push(bytes.readInt16BE(0));
    this.#items -= 1;
    return 2;
  }
}
