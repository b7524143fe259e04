/**
 * One case: the same client before the engine with a model of PostgreSQL behind it, and before such a model alone that
 * fails where the policy refuses. What is heard, what stays, and what the engine believes must agree.
 */
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import type { SessionContext } from "#core/statements/postgres/session.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { notification, warning } from "../model/answers.ts";
import { isSameByName } from "../by-name.ts";
import { ModelServer } from "../model/server.ts";
import { Random } from "../random.ts";
import { messagesOf, type Turn } from "../steps.ts";
import { isRefusedBy } from "../texts.ts";
import { inWords, Messages, typeOf } from "../wire.ts";
import { type Engine, type EngineModules, openEngine } from "./engine.ts";
import { RecordingTap } from "./tap.ts";
import { S } from "#test/postgres/support/wire.ts";

export interface MirrorCase {
  /** Of what is left to chance while it is played: pieces, order, delays. */
  readonly chance: number;
  readonly masks: boolean;
  /** Decisions come later. */
  readonly late: boolean;
  /** Messages that nobody asked for come in between. */
  readonly unasked: boolean;
  /** Waits for answers wherever it has asked for them, before it says more. */
  readonly waits: boolean;
  /** The record falls behind now and then. */
  readonly full: boolean;
  /** The server tells its search path by itself, as from 18 on. */
  readonly reports: boolean;
  readonly turns: readonly Turn[];
}

export type Analyse = (text: Buffer, context: SessionContext) => PostgresRequest | Promise<PostgresRequest>;

/** A session that nothing has happened in. */
export const STOCK: SessionContext = {
  searchPath: ["public"],
  searchPathAfterTransaction: ["public"],
  prepared: () => undefined,
  cursor: () => undefined,
  catalog: stockCatalog(18),
};
const NO_NAME = "S(application_name\\u0000\\u0000)";
const NAMES = ["", "a", "b", "sp", "p", "c"];

export class MirrorPlay {
  readonly #case: MirrorCase;
  readonly #random: Random;
  readonly #tap: RecordingTap;
  readonly #engine: Engine;
  readonly #upstream: ModelServer;
  readonly #reference: ModelServer;
  readonly #ran = new Map<string, number>();
  readonly #toUpstream = new Messages();
  readonly #toClient = new Messages();
  #refuses: readonly string[] = [];
  #heard: string[] = [];
  #unaskedSent: string[] = [];
  #fault: string | undefined;
  /** As the client was told last, by the gateway and by the reference. */
  #setting = { told: NO_NAME, expected: NO_NAME };

  constructor(each: MirrorCase, modules: EngineModules, analyse: Analyse) {
    this.#case = each;
    this.#random = new Random(each.chance);
    this.#tap = new RecordingTap(each.masks, () => each.late && this.#random.once(2));
    this.#upstream = new ModelServer({
      refuses: undefined,
      masks: false,
      onRun: (text) => this.#ranUpstream(text.trim()),
    });
    this.#reference = new ModelServer({
      refuses: (text) => isRefusedBy(this.#refuses, text),
      masks: each.masks,
      onRun: () => undefined,
    });
    this.#engine = openEngine(modules, {
      tap: this.#tap,
      analyse,
      actions: (found) => (each.late && this.#random.once(2) ? this.#tap.later(found) : found),
      onCancel: () => Promise.resolve(this.#wrong("it cancels what nobody asked to be cancelled")),
      isPathReported: each.reports,
    });
  }

  async play(): Promise<string | undefined> {
    for (const [index, turn] of this.#case.turns.entries()) {
      const wrong = await this.#turn(turn);
      // Where unknown code may have defined anything, policy decides on a doubt, which the reference has no part in.
      if (this.#reference.hasRefusedByName && !this.#engine.core.names.complete) return this.#fault;
      if (wrong !== undefined) return `turn ${index + 1}: ${wrong}`;
    }
    return undefined;
  }

  async #turn({ refuses, steps }: Turn): Promise<string | undefined> {
    this.#refuses = refuses;
    this.#tap.refuses = refuses;
    this.#engine.changed();
    this.#heard = [];
    const messages = [...steps.flatMap(messagesOf), S];
    const expected: string[] = [];
    for (const said of this.#case.waits ? untilAnswered(messages) : [messages]) {
      expected.push(...said.flatMap((message) => this.#reference.take(message)).map(inWords));
      await this.#pump(this.#random.cut(Buffer.concat(said)));
      if (this.#heard.filter((word) => !isUnasked(word)).length < expected.length) break;
    }
    return this.#fault ?? this.#tap.fault ?? this.#differs(expected) ?? this.#beliefs();
  }

  /** Lets whoever has something to do do it, in an order left to chance, until nobody has. */
  async #pump(client: Buffer[]): Promise<void> {
    const upstream: Buffer[] = [];
    for (let idle = 0; idle < 8 && this.#fault === undefined; ) {
      const can = this.#possible(client, upstream);
      const act = can.length === 0 ? undefined : this.#random.pick(can);
      act?.();
      this.#carry(upstream);
      if (act !== undefined && !this.#case.late) continue;
      if (act === undefined && this.#engine.isIdle) return;
      // Promises that are kept by nobody but themselves.
      await new Promise((resolve) => setImmediate(resolve));
      this.#carry(upstream);
      idle = act === undefined && upstream.length === 0 ? idle + 1 : 0;
    }
  }

  #possible(client: Buffer[], upstream: Buffer[]): (() => void)[] {
    const { unasked, full } = this.#case;
    const can: (() => void)[] = [];
    if (client.length > 0) can.push(() => this.#engine.fromClient(client.shift() ?? Buffer.alloc(0)));
    if (upstream.length > 0) can.push(() => this.#engine.fromUpstream(upstream.shift() ?? Buffer.alloc(0)));
    if (this.#tap.isAwaited) can.push(() => this.#tap.answer());
    if (this.#tap.isFull)
      can.push(() => {
        this.#tap.isFull = false;
        this.#engine.poke();
      });
    else if (full && can.length > 0 && this.#random.once(9)) can.push(() => (this.#tap.isFull = true));
    if (unasked && upstream.length > 0 && this.#random.once(9)) can.push(() => this.#interject(upstream));
    return can;
  }

  /** What the engine has written goes where it belongs; the upstream answers at once, in pieces. */
  #carry(upstream: Buffer[]): void {
    for (const bytes of this.#engine.takeForUpstream())
      for (const message of this.#toUpstream.add(bytes)) {
        this.#refusedMayNotPass(message);
        const left = this.#upstream.take(message);
        if (left.length > 0) upstream.push(...this.#random.cut(Buffer.concat(left)));
      }
    for (const bytes of this.#engine.takeForClient())
      this.#heard.push(...this.#toClient.add(bytes).map(inWords));
    const [failure] = this.#engine.failures;
    if (failure !== undefined) this.#wrong(`the session was ended: ${failure.publicText}`);
  }

  /** Between two messages of the upstream, so only where one has just ended. */
  #interject(upstream: Buffer[]): void {
    const message = this.#random.once(2)
      ? notification(`unasked ${this.#unaskedSent.length}`)
      : warning("01999");
    const at = new Messages();
    for (let index = 0; index < upstream.length; index += 1) {
      at.add(upstream[index] ?? Buffer.alloc(0));
      if (!at.isBetween) continue;
      // Pieces before this one may be of a message whose beginning is gone already; the last boundary surely is one.
      if (index < upstream.length - 1) continue;
      upstream.splice(index + 1, 0, message);
      this.#unaskedSent.push(inWords(message));
      return;
    }
  }

  #refusedMayNotPass(message: Buffer): void {
    const type = typeOf(message);
    if (type !== "Q" && type !== "P") return;
    const from = type === "Q" ? 5 : message.indexOf(0, 5) + 1;
    const text = message.toString("utf8", from, message.indexOf(0, from));
    if (isRefusedBy(this.#refuses, text)) this.#wrong(`a refused text reached the upstream: ${text}`);
  }

  #ranUpstream(text: string): void {
    const isKnown = this.#engine.core.names.complete;
    if (isKnown && isRefusedBy(this.#refuses, text)) this.#wrong(`it ran although it is refused: ${text}`);
    const times = (this.#ran.get(text) ?? 0) + 1;
    this.#ran.set(text, times);
    if (text === "" || text.includes("sallyport") || text === "SHOW search_path") return;
    const allowed = (this.#tap.passed.get(text) ?? 0) + (this.#tap.passed.get("") ?? 0);
    if (times > allowed) this.#wrong(`ran ${times} times and was decided ${allowed} times: ${text}`);
  }

  #wrong(what: string): void {
    this.#fault ??= what;
  }

  #differs(awaited: readonly string[]): string | undefined {
    if (!this.#engine.isIdle)
      return `it hangs; heard ${this.#heard.join(" ")}; expected ${awaited.join(" ")}`;
    const unasked = this.#heard.filter(isUnasked);
    const sent = this.#unaskedSent.splice(0);
    if (unasked.join() !== sent.join())
      return `unasked messages: sent ${sent.join()}, heard ${unasked.join()}`;
    const all = this.#heard.filter((word) => !isUnasked(word));
    const [heard, told, notified] = apart(all);
    const [expected, settings, notifications] = apart(awaited);
    if (!this.#isTold(told, settings))
      return `settings: told ${told.join()}, and should be ${settings.join()}`;
    if (notified.join() !== notifications.join())
      return `notifications: ${notified.join()}, and should be ${notifications.join()}`;
    for (let index = 0; index < Math.max(heard.length, expected.length); index += 1)
      if (!isSameByName(heard[index], expected[index]))
        return `answer ${index + 1} is ${heard[index] ?? "missing"} and should be ${expected[index] ?? "none"}\n  heard    ${heard.join(" ")}\n  expected ${expected.join(" ")}`;
    const [left, should] = [this.#upstream, this.#reference].map(leftBy);
    if (left !== should) return `what stays is ${left} and should be ${should}`;
    return undefined;
  }

  /**
   * A setting is told whenever the server is ready, and it may be so for the gateway's sake as well: then the client hears of a
   * value in between that it would have had nothing of. What it would have heard it must hear, and end with the same.
   */
  #isTold(told: readonly string[], expected: readonly string[]): boolean {
    let at = 0;
    for (const each of told) if (each === expected[at]) at += 1;
    this.#setting = {
      told: told.at(-1) ?? this.#setting.told,
      expected: expected.at(-1) ?? this.#setting.expected,
    };
    return at === expected.length && this.#setting.told === this.#setting.expected;
  }

  /** What the engine takes for true must be so while nothing is on its way. */
  #beliefs(): string | undefined {
    const { names, status } = this.#engine.core;
    if (status !== this.#upstream.database.status)
      return `it takes the status for ${status}, which is ${this.#upstream.database.status}`;
    if (!names.complete) return undefined;
    for (const name of NAMES) {
      const statement = this.#upstream.statements.get(name);
      const believed = names.statement(name);
      // Without a text it is one of which nothing is known.
      if (
        statement !== undefined &&
        believed?.text.toString().trim() !== statement.text.trim() &&
        believed?.text.length !== 0
      )
        return `it takes the statement "${name}" for ${believed?.text.toString()}, which is ${statement.text}`;
      if (this.#upstream.portals.has(name) && names.portal(name) === undefined)
        return `it does not know the portal "${name}"`;
      if (status === "I" && names.portal(name)?.isHeld === false)
        return `it keeps the portal "${name}" beyond its transaction`;
    }
    return undefined;
  }
}

/** Up to each message that lets a server answer. */
function untilAnswered(messages: readonly Buffer[]): Buffer[][] {
  const parts: Buffer[][] = [[]];
  for (const message of messages) {
    parts.at(-1)?.push(message);
    if ("HSQ".includes(typeOf(message))) parts.push([]);
  }
  return parts.filter((part) => part.length > 0);
}

/** A notification comes when the server is ready, and it may be so for the gateway's sake as well: among answers it has no place. */
const apart = (
  words: readonly string[],
): [answers: string[], settings: string[], notifications: string[]] => [
  words.filter((word) => !word.startsWith("S(") && !word.startsWith("A(")),
  words.filter((word) => word.startsWith("S(")),
  words.filter((word) => word.startsWith("A(")),
];

const isUnasked = (word: string): boolean => word.includes("unasked") || word === "N(01999)";

function leftBy({ database, statements, portals }: ModelServer): string {
  const { data, status } = database;
  const kept = [...data.kept].sort((a, b) => a - b);
  return JSON.stringify({
    ...data,
    kept,
    status,
    statements: [...statements.keys()].sort(),
    portals: [...portals.keys()].sort(),
  });
}
