/**
 * What goes to one peer. Runs of bytes that pass unchanged are handed on as slices of the chunk they came in; small
 * pieces between changes are gathered, so that one chunk in is about one write out whatever happens inside it.
 */
export interface OutboxTarget {
  /** False when the peer should be given no more until it has taken what there is. */
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
}

export const STAGE_BYTES: number = 64 * 1024;
/** Shorter runs are cheaper to copy than to write by themselves. */
const COPY_BYTES_MAX = 2048;
const NOTHING = Buffer.alloc(0);

export class Outbox {
  readonly #target: OutboxTarget;
  /** The run that still grows. */
  #run: Buffer = NOTHING;
  #runStart = 0;
  #runEnd = 0;
  #stage: Buffer = NOTHING;
  #stageStart = 0;
  #stageEnd = 0;
  #parts: Buffer[] = [];
  /** Bytes handed over so far. */
  sentBytes = 0;

  constructor(target: OutboxTarget) {
    this.#target = target;
  }

  /** The bytes must stay as they are until they are written. */
  pass(bytes: Buffer, start: number, end: number): void {
    if (bytes === this.#run && start === this.#runEnd) {
      this.#runEnd = end;
      return;
    }
    this.#closeRun();
    this.#run = bytes;
    this.#runStart = start;
    this.#runEnd = end;
  }

  /** Where up to that many bytes may be written, from `stagedEnd` on; `staged` says how far they went. */
  stage(bytesMax: number): Buffer {
    this.#closeRun();
    if (this.#stage.length - this.#stageEnd < bytesMax) this.#newStage();
    return this.#stage;
  }

  get stagedEnd(): number {
    return this.#stageEnd;
  }

  staged(end: number): void {
    this.#stageEnd = end;
  }

  put(bytes: Buffer): void {
    this.pass(bytes, 0, bytes.length);
  }

  /** False when the peer is slow. */
  flush(): boolean {
    // The common case: all of one chunk, as it came.
    if (this.#parts.length === 0 && this.#stageEnd === this.#stageStart) {
      if (this.#runEnd === this.#runStart) return true;
      const whole = this.#runStart === 0 && this.#runEnd === this.#run.length;
      const bytes = whole ? this.#run : this.#run.subarray(this.#runStart, this.#runEnd);
      this.#dropRun();
      return this.#write(bytes);
    }
    this.#closeRun();
    this.#closeStage();
    const parts = this.#parts;
    this.#parts = [];
    if (parts.length === 1) return this.#write(parts[0] ?? NOTHING);
    this.#target.cork();
    let open = true;
    for (const part of parts) open = this.#write(part);
    this.#target.uncork();
    return open;
  }

  #write(bytes: Buffer): boolean {
    this.sentBytes += bytes.length;
    return this.#target.write(bytes);
  }

  #dropRun(): void {
    this.#run = NOTHING;
    this.#runStart = 0;
    this.#runEnd = 0;
  }

  #closeRun(): void {
    const length = this.#runEnd - this.#runStart;
    if (length > COPY_BYTES_MAX) {
      this.#closeStage();
      this.#parts.push(this.#run.subarray(this.#runStart, this.#runEnd));
    } else if (length > 0) {
      if (this.#stage.length - this.#stageEnd < length) this.#newStage();
      this.#run.copy(this.#stage, this.#stageEnd, this.#runStart, this.#runEnd);
      this.#stageEnd += length;
    }
    this.#dropRun();
  }

  #newStage(): void {
    this.#closeStage();
    this.#stage = Buffer.allocUnsafeSlow(STAGE_BYTES);
    this.#stageStart = 0;
    this.#stageEnd = 0;
  }

  /** What was gathered becomes a part; the rest of the stage is used for what comes next. */
  #closeStage(): void {
    if (this.#stageEnd === this.#stageStart) return;
    this.#parts.push(this.#stage.subarray(this.#stageStart, this.#stageEnd));
    this.#stageStart = this.#stageEnd;
  }
}
