/** Takes what the upstream sends, matches it with what was asked, and lets through what the client may see. */
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { BACKEND_FRAMES, FrameScanner, HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { answer } from "./answers.ts";
import { Chunks } from "./chunks.ts";
import type { SessionCore } from "./core.ts";
import type { Slot } from "./expected.ts";
import { Holding } from "./holding.ts";
import type { Intake } from "./intake.ts";
import { LongRow } from "./long-row.ts";
import { type FoundMask, maskFor } from "./results.ts";
import { LONG_ROW_BYTES, maskRow } from "./rows.ts";
import { PATH_CHARS_MAX, PATH_TOO_LONG } from "./search-path.ts";

const DATA_ROW = 0x44;
const COPY_DATA = 0x64;

export class Backend {
  readonly core: SessionCore;
  readonly intake: Intake;
  /** The upstream has said that it ends the session. */
  hasSaidFatal = false;
  /** A statement of this group was told to the client as failed although it had ended well. */
  mustAbort: "no" | "reads" | "writes" = "no";

  /** Why. */
  stopped: Refusal | undefined;

  readonly #scanner = new FrameScanner(BACKEND_FRAMES);
  readonly #holding: Holding;
  readonly #onBug: (error: unknown) => void;
  readonly #queue = new Chunks();
  #awaiting = false;
  /** What becomes of the pieces of the message under way. */
  #streaming: "pass" | "drop" | LongRow | Buffer[] = "pass";
  /** Not yet told to the tap. */
  #rows = 0;
  #bytes = 0;

  constructor(core: SessionCore, intake: Intake, onBug: (error: unknown) => void) {
    this.core = core;
    this.intake = intake;
    this.#onBug = onBug;
    this.#holding = new Holding(core.parts.budget);
    this.adoptMasks();
  }

  push(chunk: Buffer): void {
    this.#queue.push(chunk);
    this.run();
  }

  get isWaiting(): boolean {
    return this.#awaiting;
  }

  run(): void {
    if (this.#awaiting) return;
    this.#guarded(() => this.#go());
    if (this.core.hasEnded) return;
    this.#tellCounts();
    this.core.parts.toClient.flush();
    this.core.parts.toUpstream.flush();
  }

  /** Rows are wanted whole while there are masks, so that one row is one step. */
  adoptMasks(): void {
    this.#scanner.wantWhole(DATA_ROW, this.core.masks.length > 0 ? LONG_ROW_BYTES : 0);
  }

  close(): void {
    this.#holding.hold(0);
    if (this.#streaming instanceof LongRow) this.#streaming.release();
  }

  /** True when nothing of a message is half told to the client. */
  get isBetweenMessages(): boolean {
    const streaming = this.#streaming;
    if (streaming instanceof LongRow) return !streaming.hasBegun;
    return this.#scanner.missing === 0 || streaming === "drop" || Array.isArray(streaming);
  }

  #guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      if (error instanceof MalformedMessage) this.core.breach(error.message);
      else this.#onBug(error);
    }
  }

  #go(): void {
    const scanner = this.#scanner;
    for (;;) {
      if (this.core.hasEnded || this.#awaiting) return;
      const step = scanner.next();
      switch (step) {
        case "more": {
          const chunk = this.#queue.take();
          if (chunk === undefined) return;
          scanner.push(chunk);
          if (!this.#holding.hold(scanner.heldBytes)) return this.core.fail(refusal("LIMIT_GATEWAY"));
          break;
        }
        case "broken":
          return this.core.breach(scanner.fault);
        case "frame":
          if (scanner.type === DATA_ROW || scanner.type === COPY_DATA) this.#data(scanner.start, scanner.end);
          else answer(this, scanner.type, scanner);
          break;
        case "head":
          this.#head();
          break;
        case "piece":
          this.#piece();
          break;
      }
    }
  }

  /** A whole DataRow or CopyData. */
  #data(start: number, end: number): void {
    const slot = this.#owner();
    if (slot === undefined) return;
    const { bytes, type } = this.#scanner;
    const { toClient } = this.core.parts;
    if (type === COPY_DATA && isCopyEnd(bytes, start, end)) return toClient.pass(bytes, start, end);
    if (this.#needsMask(slot)) return this.#findMask(slot, () => this.#data(start, end));
    if (!this.#counts(slot, end - start)) return;
    if (slot.mask === undefined || type === COPY_DATA) toClient.pass(bytes, start, end);
    else slot.maskedValues += maskRow(bytes, start, end, slot.mask, toClient);
  }

  /** The first piece of a DataRow or CopyData that is not had whole. */
  #head(): void {
    this.#streaming = "drop";
    const slot = this.#owner();
    if (slot === undefined) return;
    if (this.#needsMask(slot)) return this.#findMask(slot, () => this.#head());
    if (this.#counts(slot, this.#scanner.frameBytes)) this.#startStream(slot);
  }

  #startStream(slot: Slot): void {
    const { type, frameBytes } = this.#scanner;
    this.#streaming =
      slot.mask !== undefined && type === DATA_ROW
        ? new LongRow(frameBytes, slot.mask, this.core.parts.budget)
        : "pass";
    this.#piece();
  }

  #piece(): void {
    const { bytes, start, end, missing } = this.#scanner;
    this.#stream(bytes, start, end, missing);
  }

  // oxlint-disable-next-line max-params -- a piece, and how much of its message is missing behind it
  #stream(bytes: Buffer, start: number, end: number, missing: number): void {
    const { toClient } = this.core.parts;
    const streaming = this.#streaming;
    if (streaming === "pass") toClient.pass(bytes, start, end);
    else if (Array.isArray(streaming)) this.#ownPiece(streaming, bytes.subarray(start, end), missing === 0);
    else if (streaming !== "drop") this.#longRow(streaming, bytes.subarray(start, end), missing === 0);
    // A row whose masks are looked up is still held, and its last piece comes once more.
    if (missing === 0 && !this.#awaiting) this.#streaming = "pass";
  }

  #ownPiece(pieces: Buffer[], piece: Buffer, isLast: boolean): void {
    pieces.push(piece);
    if (!isLast) return;
    const row = Buffer.concat(pieces);
    tellPath(this.core, row, 0, row.length);
  }

  #longRow(row: LongRow, piece: Buffer, isLast: boolean): void {
    const slot = this.core.expected.head;
    if (slot === undefined) return;
    if (!row.hasBegun && (this.#isStopped(slot) || this.#needsMask(slot))) return this.#judgeAgain(row, slot);
    if (row.feed(piece, this.core.parts.toClient)) {
      if (isLast) slot.maskedValues += row.maskedValues;
      return;
    }
    this.#streaming = "drop";
    this.core.stop(slot, refusal("ROW_TOO_LARGE"), "limit");
  }

  /**
   * Policy has changed while a row was held of which nothing was told: it is told as it has to be by now, or not at all. It is held,
   * and taken from what the process has, until that is known.
   */
  #judgeAgain(row: LongRow, slot: Slot): void {
    const drop = (): void => {
      row.release();
      this.#streaming = this.#scanner.missing === 0 ? "pass" : "drop";
      slot.rows -= 1;
      slot.bytes -= this.#scanner.frameBytes;
    };
    if (slot.stop !== undefined) return drop();
    this.#findMask(slot, () => (this.#isStopped(slot) ? drop() : this.#goOn(row, slot)), drop);
  }

  /** Limits may be others than when the row was counted. It is the last that was: beyond them, if anything is. */
  #isStopped(slot: Slot): boolean {
    const { core } = this;
    if (slot.stop !== undefined) return true;
    if (core.rows <= core.rowsMax && core.bytes <= core.bytesMax) return false;
    this.#tellCounts();
    const refused = core.parts.tap.count(0, 0);
    if (refused !== undefined) core.stop(slot, refused, "limit");
    return refused !== undefined;
  }

  #goOn(row: LongRow, { mask }: Slot): void {
    if (mask !== undefined) row.adopt(mask);
    else {
      this.#streaming = "pass";
      for (const piece of row.release()) this.core.parts.toClient.put(piece);
    }
    this.#piece();
  }

  /** The statement whose result this is; undefined when there is none, or its rows are not for the client. */
  #owner(): Slot | undefined {
    const slot = this.core.expected.head;
    if (slot === undefined || (slot.asked !== "query" && slot.asked !== "execute")) {
      this.core.breach("a row that nobody asked for");
      return undefined;
    }
    if (slot.own) {
      this.#ownRow();
      return undefined;
    }
    return slot.stop === undefined && slot.refusal === undefined ? slot : undefined;
  }

  /** The answer to our own SHOW search_path, which may come in pieces. */
  #ownRow(): void {
    const { bytes, start, end, missing, frameBytes } = this.#scanner;
    if (missing === 0) return tellPath(this.core, bytes, start, end);
    if (frameBytes > OWN_ROW_BYTES_MAX) return this.core.fail(PATH_TOO_LONG);
    this.#streaming = [bytes.subarray(start, end)];
  }

  #needsMask(slot: Slot): boolean {
    return !slot.masked && this.core.masks.length > 0 && this.#scanner.type === DATA_ROW;
  }

  /** Goes on with `again` when it is known what is masked, and only with `never` when that cannot be known. */
  #findMask(slot: Slot, again: () => void, never?: () => void): void {
    const adopt = (found: FoundMask | Refusal): void => {
      if (isRefusal(found)) {
        this.core.stop(slot, found, "limit");
        return never?.();
      }
      if (found.masks !== this.core.masks) return this.#findMask(slot, again, never);
      slot.mask = found.mask;
      slot.masked = true;
      again();
    };
    const found = maskFor(this.core, slot);
    if (found instanceof Promise) this.wait(found, adopt);
    else adopt(found);
  }

  /** True when the row is within the limits. */
  #counts(slot: Slot, frameBytes: number): boolean {
    const { core } = this;
    slot.rows += 1;
    slot.bytes += frameBytes;
    core.rows += 1;
    core.bytes += frameBytes;
    this.#rows += 1;
    this.#bytes += frameBytes;
    if (core.rows <= core.rowsMax && core.bytes <= core.bytesMax) return true;
    return !this.#limited(slot, frameBytes);
  }

  /** The tap has the last word: its limits are the session's, ours only tell when to ask. */
  #limited(slot: Slot, frameBytes: number): boolean {
    const refused = this.#tellCounts();
    if (refused === undefined) return false;
    // What does not pass was not shown.
    slot.rows -= 1;
    slot.bytes -= frameBytes;
    this.core.stop(slot, refused, "limit");
    return true;
  }

  #tellCounts(): Refusal | undefined {
    if (this.#rows === 0) return undefined;
    const refused = this.core.parts.tap.count(this.#rows, this.#bytes);
    this.#rows = 0;
    this.#bytes = 0;
    return refused;
  }

  /** Reads no further until the answer is there. */
  wait<Value>(promise: Promise<Value>, then: (value: Value) => void): void {
    this.#awaiting = true;
    void this.#afterwards(promise, then);
  }

  async #afterwards<Value>(promise: Promise<Value>, then: (value: Value) => void): Promise<void> {
    try {
      const value = await promise;
      this.#awaiting = false;
      // What it held was given back when it ended, and nobody would give back what it took now.
      if (this.core.hasEnded) return;
      this.#guarded(() => then(value));
      this.run();
      this.core.parts.poke();
    } catch (error) {
      this.#onBug(error);
    }
  }
}

/** Behind its rows a binary COPY has a count of -1, which is no row; where there are none its header stands before it. */
function isCopyEnd(bytes: Buffer, start: number, end: number): boolean {
  const length = end - start - HEADER_BYTES;
  if (length !== COPY_END_BYTES && length !== COPY_HEADER_BYTES + COPY_END_BYTES) return false;
  if (bytes.readInt16BE(end - COPY_END_BYTES) !== -1) return false;
  const at = start + HEADER_BYTES;
  return (
    length === COPY_END_BYTES || bytes.toString("latin1", at, at + COPY_SIGNATURE.length) === COPY_SIGNATURE
  );
}

const COPY_END_BYTES = 2;
const COPY_HEADER_BYTES = 19;
const COPY_SIGNATURE = "PGCOPY\n\xff\r\n\0";

/** A character may take as many bytes as four. */
const OWN_ROW_BYTES_MAX = 4 * PATH_CHARS_MAX;

/** One column. */
function tellPath(core: SessionCore, bytes: Buffer, start: number, end: number): void {
  const lengthAt = start + 7;
  if (lengthAt + 4 > end) throw new MalformedMessage("a row ends early");
  core.pathTold(bytes.toString("utf8", lengthAt + 4, end));
}
