/**
 * What goes to one peer. Runs of bytes that pass unchanged are handed on as slices of the chunk they came in; small
 * pieces between changes are gathered, so that one chunk in is about one write out whatever happens inside it.
 */
export interface OutboxTarget {
  /** False when the peer should be given no more until it has taken what there is. */
  write(bytes: Uint8Array): boolean;
  cork(): void;
  uncork(): void;
  /** What it has been given and has not taken yet. */
  readonly writableLength: number;
}

/** Shorter runs are cheaper to copy than to write by themselves. */
const COPY_BYTES_MAX = 2048;
const NOTHING = Buffer.alloc(0);

/** Small pieces are gathered in it. No session keeps one: between two flushes it is the next one's that gathers something. */
interface Stage {
  readonly bytes: Buffer;
  /** Where it was when it was taken. What is before may still be on its way to another peer. */
  from: number;
  end: number;
}

export const STAGE_BYTES: number = 64 * 1024;
/** Beyond that they are left to the garbage collector. */
const STAGES_MAX = 8;
const stages: Stage[] = [];

export class Outbox {
  readonly #target: OutboxTarget;
  /** The run that still grows. */
  #run: Buffer = NOTHING;
  #runStart = 0;
  #runEnd = 0;
  #stage: Stage | undefined;
  #stageStart = 0;
  /** Those that were filled since the last flush. */
  #filled: Stage[] = [];
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
    return this.#stageFor(bytesMax).bytes;
  }

  get stagedEnd(): number {
    return this.#stage?.end ?? 0;
  }

  staged(end: number): void {
    if (this.#stage !== undefined) this.#stage.end = end;
  }

  put(bytes: Buffer): void {
    this.pass(bytes, 0, bytes.length);
  }

  /** False when the peer is slow. */
  flush(): boolean {
    // The common case: all of one chunk, as it came.
    if (this.#parts.length === 0 && this.#stage === undefined) {
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
    const open = this.#writeAll(parts);
    this.#giveStagesBack();
    return open;
  }

  #writeAll(parts: readonly Buffer[]): boolean {
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
      const stage = this.#stageFor(length);
      this.#run.copy(stage.bytes, stage.end, this.#runStart, this.#runEnd);
      stage.end += length;
    }
    this.#dropRun();
  }

  #stageFor(bytesMax: number): Stage {
    if (this.#stage !== undefined) {
      if (STAGE_BYTES - this.#stage.end >= bytesMax) return this.#stage;
      this.#closeStage();
      this.#filled.push(this.#stage);
    }
    const stage = takeStage(bytesMax);
    this.#stage = stage;
    this.#stageStart = stage.end;
    return stage;
  }

  /** What was gathered becomes a part; the rest of the stage is used for what comes next. */
  #closeStage(): void {
    const stage = this.#stage;
    if (stage === undefined || stage.end === this.#stageStart) return;
    this.#parts.push(stage.bytes.subarray(this.#stageStart, stage.end));
    this.#stageStart = stage.end;
  }

  #giveStagesBack(): void {
    const last = this.#stage;
    if (last === undefined) return;
    const areFree = this.#target.writableLength === 0;
    giveStage(last, areFree);
    this.#stage = undefined;
    if (this.#filled.length === 0) return;
    for (const stage of this.#filled) giveStage(stage, areFree);
    this.#filled = [];
  }
}

function takeStage(bytesMax: number): Stage {
  const stage = stages.pop();
  if (stage === undefined || STAGE_BYTES - stage.end < bytesMax)
    return { bytes: Buffer.allocUnsafeSlow(STAGE_BYTES), from: 0, end: 0 };
  stage.from = stage.end;
  return stage;
}

/** Whoever has taken all of it has no more use for it. */
function giveStage(stage: Stage, isFree: boolean): void {
  if (isFree) stage.end = stage.from;
  if (stages.length < STAGES_MAX && stage.end < STAGE_BYTES) stages.push(stage);
}
