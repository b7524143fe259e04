/**
 * One case: an honest client and a model of PostgreSQL with a whole session of the gateway between them, while the policy is
 * edited, limits are reached and cancels come in, at any moment. There is no telling what must be heard then; but what may
 * never happen can be told at each step, and whoever is left with a session must be able to use it.
 */
import type { Refusal } from "#core/values/refusal.ts";
import { refusal } from "#core/values/refusal.ts";
import type { RelayEnd } from "#sidecar/protocols/protocol.ts";
import type * as relayModule from "#sidecar/protocols/postgres/relay.ts";
import { Q, S } from "#test/postgres/support/wire.ts";
import type { EngineModules } from "../mirror/engine.ts";
import { modelCatalog } from "../mirror/engine.ts";
import type { Analyse } from "../mirror/play.ts";
import { CANCELLED } from "../model/server.ts";
import { Random } from "../random.ts";
import { messagesOf, type Step } from "../steps.ts";
import { isRefusedBy, PEOPLE } from "../texts.ts";
import { inWords, Messages, sqlState, typeOf } from "../wire.ts";
import { EditedTap, type Policy } from "./tap.ts";
import { BusyUpstream } from "./upstream.ts";
import { openWire, type Wire } from "./wire.ts";

export interface EditsCase {
  readonly chance: number;
  /** Decisions come later. */
  readonly late: boolean;
  /** How often the client cancels, at most. */
  readonly cancels: number;
  /** People have much to say: each row of them is longer than what is had whole. */
  readonly isWide: boolean;
  readonly turns: readonly { readonly steps: readonly Step[]; readonly edits: readonly Policy[] }[];
}

export interface Modules extends EngineModules {
  readonly relay: typeof relayModule;
}

const OPEN: Policy = { refuses: [], masks: [], rowsMax: 0 };
/** What a session may end with that nobody has broken: it is in a state that only its end can mend. */
const ENDS: ReadonlySet<string> = new Set(["DENY_RULE", "POLICY_CHANGED", "LIMIT_ROWS"]);
const KEPT = "select n from kept order by n";
const IDLE_TURNS = 4;
const LONG_BYTES = 64 * 1024;
const WORDS_BYTES_MAX = 200;

export class EditsPlay {
  readonly #case: EditsCase;
  readonly #random: Random;
  readonly #tap: EditedTap;
  readonly #upstream: BusyUpstream;
  readonly #relay: relayModule.Relay;
  readonly #client: Wire;
  readonly #server: Wire;
  readonly #toClient = new Messages();
  readonly #stop = new AbortController();
  readonly #cancels: (() => void)[] = [];
  /** What the upstream has said, in pieces that have not arrived. */
  readonly #arriving: Buffer[] = [];
  #cancelsLeft: number;
  /** The client cancels; or something that was sent on already is stopped, and the cancel may hit what stands behind it. */
  #mayCancel = false;
  #asked = 0;
  #told = 0;
  #rows = 0;
  #status = "I";
  #heard: string[] = [];
  #last = "Z";
  /** What was in force when the message began that is on its way to the client. */
  #before = OPEN;
  #end: RelayEnd | Error | undefined;
  #fault: string | undefined;

  constructor(each: EditsCase, modules: Modules, analyse: Analyse) {
    this.#case = each;
    this.#cancelsLeft = each.cancels;
    this.#random = new Random(each.chance);
    const isLate = (): boolean => each.late && this.#random.once(2);
    this.#tap = new EditedTap(isLate);
    this.#upstream = new BusyUpstream(each.isWide, (text, { refuses }) => {
      if (!this.#tap.isLost && isRefusedBy(refuses, text))
        this.#wrong(`it ran although it was refused: ${text}`);
    });
    this.#client = openWire((bytes) => this.#heardBy(bytes));
    this.#server = openWire((bytes) => this.#sentOn(bytes));
    this.#relay = new modules.relay.Relay(
      {
        client: this.#client.socket,
        upstream: this.#server.socket,
        analyse,
        catalog: modelCatalog({ actions: (found) => (isLate() ? this.#tap.later(found) : found) }),
        path: new modules.path.SearchPath("public", "agent", true),
        budget: modules.row.memoryBudget(1024 * 1024),
        withheld: { user: "minted_role", host: "db.internal" },
        cancel: () => new Promise((resolve) => this.#cancels.push(() => resolve(true))),
        whenClientCloses: "finish",
      },
      this.#tap,
    );
  }

  async play(): Promise<string | undefined> {
    const running = this.#relay.run(this.#stop.signal).then(
      (end) => (this.#end = end),
      (error: unknown) => (this.#end = error as Error),
    );
    for (const { steps, edits } of this.#case.turns) {
      if (this.#isOver) break;
      await this.#turn([...steps.flatMap(messagesOf), S], [...edits]);
    }
    if (!this.#isOver) await this.#usable();
    // The end of one that ended by itself may wait for a cancel still.
    const endedItself = this.#isOver;
    this.#stop.abort(refusal("SHUTTING_DOWN"));
    for (const cancel of this.#cancels.splice(0)) cancel();
    await running;
    if (endedItself) this.#judgeEnd();
    return this.#fault ?? this.#tap.fault;
  }

  get #isOver(): boolean {
    return this.#fault !== undefined || this.#end !== undefined || !this.#client.isOpen;
  }

  async #turn(messages: readonly Buffer[], edits: Policy[]): Promise<void> {
    this.#asked += messages.filter((message) => "QS".includes(typeOf(message))).length;
    this.#last = "";
    this.#mayCancel = false;
    // The end of a COPY that the client gives up has the same code.
    if (messages.some((message) => typeOf(message) === "f")) this.#mayCancel = true;
    const pieces = this.#random.cut(Buffer.concat(messages));
    for (let idle = 0; idle < IDLE_TURNS && !this.#isOver; ) {
      const can = this.#possible(pieces, edits);
      if (can.length > 0) this.#random.pick(can)();
      await new Promise((resolve) => setImmediate(resolve));
      idle = can.length > 0 ? 0 : idle + 1;
    }
    if (this.#isOver) return;
    // Each turn ends with a Sync, and only notices and the like may come behind its answer.
    if (this.#last !== "Z") this.#wrong(`its Sync is not answered; heard ${this.#heard.join(" ")}`);
    const { status } = this.#upstream.model.database;
    if (this.#status !== status) this.#wrong(`it is said to be ${this.#status}, and is ${status}`);
    this.#heard = [];
  }

  #possible(pieces: Buffer[], edits: Policy[]): (() => void)[] {
    const { orders, said } = this.#upstream;
    const can: (() => void)[] = [];
    if (pieces.length > 0) can.push(() => this.#client.say(pieces.shift() ?? Buffer.alloc(0)));
    if (orders.length > 0) can.push(() => this.#upstream.work());
    if (said.length > 0 || this.#arriving.length > 0) can.push(() => this.#arrive(said));
    if (this.#tap.isAwaited) can.push(() => this.#tap.answer());
    const cancel = this.#cancels[0];
    if (cancel !== undefined) {
      can.push(() => {
        this.#cancels.shift();
        this.#upstream.cancel();
        cancel();
      });
    }
    if (can.length === 0) return can;
    const edit = edits[0];
    // Half of a message is a moment that hardly ever is: more often then.
    if (edit !== undefined && (!this.#toClient.isBetween || this.#random.once(4)))
      can.push(() => this.#edit(edits.shift() ?? edit));
    if (this.#cancelsLeft > 0 && this.#random.once(4)) can.push(() => this.#cancelByClient());
    return can;
  }

  /** Some pieces of what the upstream has said: everything else may come between them and the next. */
  #arrive(said: Buffer[]): void {
    if (said.length > 0) this.#arriving.push(...this.#cut(Buffer.concat(said.splice(0))));
    const count = 1 + this.#random.below(this.#arriving.length);
    for (const piece of this.#arriving.splice(0, count)) this.#server.say(piece);
  }

  /** What is long, in a few pieces. */
  #cut(bytes: Buffer): Buffer[] {
    if (bytes.length < LONG_BYTES) return this.#random.cut(bytes);
    const ends = this.#random.many(4, () => this.#random.below(bytes.length)).toSorted((a, b) => a - b);
    return [...ends, bytes.length].map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
  }

  #edit(policy: Policy): void {
    if (this.#relay.isRunning) this.#mayCancel = true;
    this.#tap.edit(policy);
  }

  /** As the session does it: only while something is running. */
  #cancelByClient(): void {
    this.#cancelsLeft -= 1;
    if (!this.#relay.isRunning || this.#cancels.length > 0) return;
    this.#mayCancel = true;
    this.#cancels.push(() => undefined);
  }

  /** With nothing refused, it does what it is asked. */
  async #usable(): Promise<void> {
    this.#cancelsLeft = 0;
    this.#tap.edit(OPEN);
    await this.#turn([Q("rollback")], []);
    this.#rows = 0;
    await this.#turn([Q(KEPT)], []);
    const kept = this.#upstream.model.database.data.kept.size;
    if (!this.#isOver && this.#rows !== kept)
      this.#wrong(`${this.#rows} rows are left, and should be ${kept}`);
  }

  #sentOn(bytes: Buffer): void {
    const { refuses } = this.#tap.policy;
    for (const message of this.#upstream.add(bytes, refuses)) {
      const type = typeOf(message);
      if (type !== "Q" && type !== "P") continue;
      const from = type === "Q" ? 5 : message.indexOf(0, 5) + 1;
      const text = message.toString("utf8", from, message.indexOf(0, from));
      if (isRefusedBy(refuses, text)) this.#wrong(`a refused text reached the upstream: ${text}`);
    }
  }

  #heardBy(bytes: Buffer): void {
    const { policy } = this.#tap;
    if (this.#toClient.isBetween) this.#before = policy;
    for (const message of this.#toClient.add(bytes)) {
      const type = typeOf(message);
      this.#heard.push(inWords(message.subarray(0, WORDS_BYTES_MAX)));
      if (!"ANS".includes(type)) this.#last = type;
      if (type === "Z") {
        this.#told += 1;
        this.#status = message.toString("latin1", 5);
      }
      if (type === "E" && sqlState(message) === CANCELLED && !this.#mayCancel)
        this.#wrong("something was cancelled that nobody wanted cancelled");
      if (type === "D") {
        this.#rows += 1;
        this.#judgeRow(message);
      }
      this.#before = policy;
    }
    if (this.#told > this.#asked) this.#wrong(`${this.#told} times ready, and asked ${this.#asked} times`);
  }

  /** By what was in force when its first byte was told: a message that has begun must end. */
  #judgeRow(message: Buffer): void {
    const { refuses, masks, rowsMax } = this.#before;
    if (rowsMax > 0 && this.#rows > rowsMax) this.#wrong(`row ${this.#rows} of at most ${rowsMax} was shown`);
    if (!this.#tap.isLost && message.readInt16BE(5) === 3 && refuses.includes("people"))
      this.#wrong("a row was shown of what is refused by now");
    if (PEOPLE.some((row) => shows(message, row, masks))) this.#wrong("a masked value was shown");
  }

  #judgeEnd(): void {
    const end = this.#end;
    if (end === undefined) return;
    if (end instanceof Error) this.#wrong(`the session failed by itself: ${String(end.stack)}`);
    else if (!ENDS.has(codeOf(end.refusal))) this.#wrong(`the session was ended: ${end.refusal?.publicText}`);
  }

  #wrong(what: string): void {
    this.#fault ??= what;
  }
}

const codeOf = (why: Refusal | undefined): string => why?.code ?? "";

function shows(
  message: Buffer,
  [, secret, pin]: (typeof PEOPLE)[number],
  masked: readonly string[],
): boolean {
  if (masked.includes("secret") && message.includes(secret)) return true;
  return masked.includes("pin") && message.includes(String(pin));
}
