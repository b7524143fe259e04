/** What both directions of one session share: what is expected, what names mean, what policy holds it to. */
import type { ColumnMask, Decision, Limits } from "#core/policy/decision.ts";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import type { TransactionStatus } from "#core/wire/postgres/messages.ts";
import type { Tap } from "../protocol.ts";
import { Expected, type Slot } from "./expected.ts";
import type { MemoryBudget } from "./long-row.ts";
import { ASK_PATH, ASK_PATH_SLOTS, COPY_FAIL, FLUSH, SYNC } from "./marker.ts";
import type { SessionCatalog } from "./masking.ts";
import { Names, type Statement } from "./names.ts";
import type { Withheld } from "./notices.ts";
import type { Outbox } from "./outbox.ts";
import type { KeptMask } from "./results.ts";
import type { SearchPath } from "./search-path.ts";
import { failedToDefine, renewed } from "./statements.ts";

/** Tells what a text does. A value when it was seen before; a promise when it has to be parsed first. */
export type Analyse = (text: Buffer, context: SessionContext) => PostgresRequest | Promise<PostgresRequest>;

export interface CoreParts {
  readonly tap: Tap;
  readonly analyse: Analyse;
  readonly catalog: SessionCatalog;
  readonly path: SearchPath;
  readonly budget: MemoryBudget;
  readonly withheld: Withheld;
  readonly toClient: Outbox;
  readonly toUpstream: Outbox;
  /** Sends a cancel; resolves when the upstream has taken it. */
  readonly cancel: () => Promise<void>;
  /** Something changed that the client's messages may be waiting for. */
  readonly poke: () => void;
  /** Ends the session with a FATAL. */
  readonly fail: (refusal: Refusal) => void;
}

/** What names mean may change while it is found out. */
const RENEWALS_MAX = 3;

export class SessionCore {
  readonly parts: CoreParts;
  readonly expected = new Expected();
  readonly names = new Names();
  #context: SessionContext | undefined;
  /** Prepared statements that a text runs and that were analysed under other names. */
  readonly #outdated = new Map<string, Statement>();
  status: TransactionStatus = "I";
  /** Grows with every change of policy. */
  generation = 0;
  masks: readonly ColumnMask[] = [];
  /** Of statements that were run before; as long as their facts. */
  readonly foundMasks = new WeakMap<StatementFacts, KeptMask>();
  rowsMax = Infinity;
  bytesMax = Infinity;
  rows = 0;
  bytes = 0;
  /** The upstream reads CopyData. */
  copyingIn = false;
  /** A message has been forwarded in part: nothing of ours can stand before its end. */
  isInsideMessage = false;
  #copyMustFail = false;
  /** Cancels on their way: what is forwarded now could be hit by one. */
  cancelling = 0;
  /** The upstream reads texts in another way than analysis does. */
  isTainted = false;
  /**
   * What the open group has done is committed, and nothing was begun since: a Sync of ours ends nothing. Without one, what
   * we ask counts as the group's first statement, and the client's next is taken for part of a pipeline.
   */
  isCommitted = false;
  hasEnded = false;

  constructor(parts: CoreParts) {
    this.parts = parts;
    this.adoptObligations();
  }

  /** Another object whenever it says something else: caches compare contexts by their parts. */
  get context(): SessionContext {
    const { path, catalog } = this.parts;
    const known = this.#context;
    if (
      known?.searchPath === path.current &&
      known.searchPathAfterTransaction === path.afterTransaction &&
      known.catalog === catalog.names
    )
      return known;
    this.#context = {
      searchPath: path.current,
      searchPathAfterTransaction: path.afterTransaction,
      prepared: (name) => this.#preparedFacts(name),
      cursor: (name) => this.names.portal(name)?.request.statements[0],
      catalog: catalog.names,
    };
    return this.#context;
  }

  /** Something analysed in one epoch may mean something else in another. */
  get epoch(): number {
    return this.parts.path.epoch + this.parts.catalog.version;
  }

  get hasResultLimits(): boolean {
    return this.rowsMax !== Infinity || this.bytesMax !== Infinity;
  }

  adoptObligations(): void {
    const { mask, limits }: { mask: readonly ColumnMask[]; limits: Limits } = this.parts.tap.obligations;
    this.masks = mask;
    this.rowsMax = limits.rows ?? Infinity;
    this.bytesMax = limits.bytes ?? Infinity;
  }

  fail(why: Refusal): void {
    if (!this.hasEnded) this.parts.fail(why);
  }

  breach(what: string): void {
    this.fail(refusal("UPSTREAM_PROTOCOL", `the upstream broke its protocol: ${what}`));
  }

  analyse(text: Buffer): PostgresRequest | Promise<PostgresRequest> {
    const analysed = this.parts.analyse(text, this.context);
    if (analysed instanceof Promise || this.#outdated.size > 0) return this.#analyseAgain(text, analysed);
    const reading = this.parts.catalog.lookAgain(analysed, this.masks);
    if (reading !== undefined) return this.#analyseAfter(text, reading);
    return this.isTainted ? withTaint(analysed) : analysed;
  }

  /** What names mean is being looked up. */
  async #analyseAfter(text: Buffer, reading: Promise<void>): Promise<PostgresRequest> {
    await reading;
    return this.#analyseAgain(text, this.parts.analyse(text, this.context));
  }

  /** A text that runs prepared statements is analysed again once it is known what those mean now. */
  async #analyseAgain(
    text: Buffer,
    analysed: PostgresRequest | Promise<PostgresRequest>,
  ): Promise<PostgresRequest> {
    let request = await analysed;
    for (let count = 0; count < RENEWALS_MAX && this.#outdated.size > 0; count += 1) {
      const outdated = [...this.#outdated];
      this.#outdated.clear();
      for (const [name, statement] of outdated) {
        const again = await this.parts.analyse(statement.text, this.context);
        this.names.renew(name, statement, renewed(this, statement, again));
      }
      request = await this.parts.analyse(text, this.context);
    }
    // Whatever is unknown still, the analysis has counted it as such.
    this.#outdated.clear();
    const reading = this.parts.catalog.lookAgain(request, this.masks);
    if (reading !== undefined) return this.#analyseAfter(text, reading);
    return this.isTainted ? withTaint(request) : request;
  }

  #preparedFacts(name: string): StatementFacts | undefined {
    const statement = this.names.statement(name);
    if (statement === undefined || statement.epoch === this.epoch) return statement?.request.statements[0];
    if (statement.text.length > 0) this.#outdated.set(name, statement);
    return undefined;
  }

  /** Something was forwarded whose end may change what texts mean. */
  moves(slot: Slot): void {
    slot.moves = true;
    this.parts.path.moving();
  }

  /** Where the path leads that texts are judged by; a session whose path cannot be followed ends. */
  pathTold(value: string): void {
    const problem = this.parts.path.told(value);
    if (problem !== undefined) this.fail(problem);
  }

  /** A slot has ended, whichever way. */
  settled(slot: Slot): void {
    if (!slot.moves) return;
    slot.moves = false;
    this.parts.path.moved();
    if (slot.facts !== undefined) this.parts.catalog.changed(slot.facts);
  }

  /** What its message and its text define stands. */
  keep(slot: Slot): void {
    if (slot.names !== undefined) this.names.keep(slot.names);
    begun(slot);
    if (slot.defines !== undefined) for (const change of slot.defines) this.names.keep(change);
  }

  /** Its text was carried out in part or not at all. */
  failed(slot: Slot): void {
    if (slot.defines === undefined || slot.facts === undefined) return;
    failedToDefine(this, slot.defines, slot.facts);
    slot.defines = undefined;
  }

  /** Puts back what a message would have changed that is never carried out. */
  undo(slot: Slot): void {
    this.failed(slot);
    if (slot.names !== undefined) this.names.undo(slot.names);
    slot.names = undefined;
    if (slot.starts !== undefined) slot.starts.started = false;
    begun(slot);
    if (slot.asked === "describe" && slot.statement !== undefined) slot.statement.describing = false;
  }

  /** Why something that was decided in that generation and has not begun may not run any more. */
  refusedSince(generation: number, request: PostgresRequest): Refusal | undefined {
    if (generation === this.generation) return undefined;
    const decision = this.parts.tap.recheck(request);
    return decision.outcome === "allow" ? undefined : changedBy(refusalOf(decision));
  }

  askPath(atBoundary: boolean): void {
    this.parts.toUpstream.put(ASK_PATH);
    for (const asked of ASK_PATH_SLOTS) this.expected.push(asked).own = true;
    if (atBoundary) this.expected.push("sync").own = true;
    this.parts.toUpstream.put(atBoundary ? SYNC : FLUSH);
  }

  /** Stops what a slot does as soon as it is its turn. */
  stop(slot: Slot, why: Refusal, ended: "limit" | "cancelled"): void {
    if (slot.stop !== undefined) return;
    slot.stop = why;
    slot.ended = ended;
    if (slot === this.expected.head) this.stopHead();
  }

  stopHead(): void {
    if (this.copyingIn) {
      this.#copyMustFail = true;
      this.betweenMessages();
      return;
    }
    this.cancelling += 1;
    void this.#cancel();
  }

  async #cancel(): Promise<void> {
    await this.parts.cancel();
    this.cancelling -= 1;
    this.parts.poke();
  }

  /** What had to wait for the end of a client's message. */
  betweenMessages(): void {
    if (!this.#copyMustFail || this.isInsideMessage) return;
    this.#copyMustFail = false;
    if (!this.copyingIn) return;
    this.copyingIn = false;
    this.parts.toUpstream.put(COPY_FAIL);
  }
}

/** Whether the portal has begun is known from here on. */
function begun({ starts }: Slot): void {
  if (starts !== undefined) starts.startingIn = -1;
}

export function refusalOf(decision: Decision): Refusal {
  const { code, publicText, by } = decision;
  if (decision.outcome === "ask") return refusal("ASK_NOT_AVAILABLE", publicText, ruleName(decision));
  return refusal(code, publicText, by === undefined ? undefined : ruleName(decision));
}

/** The same refusal, said of something that had been allowed before. */
export function changedBy(why: Refusal): Refusal {
  return { ...why, publicText: `a policy change stopped this: ${why.publicText}` };
}

const ruleName = ({ by }: Decision): string | undefined =>
  by === undefined ? undefined : `${by.policy}/${by.rule}`;

const TAINT = {
  code: "UNSAFE_SETTING",
  text: "the session's settings let texts mean something else",
} as const;

function withTaint(request: PostgresRequest): PostgresRequest {
  const statements = request.statements.map((facts) => ({ ...facts, doubts: [...facts.doubts, TAINT] }));
  return { ...request, statements };
}
