/**
 * A client before the gateway and a real server behind it; and the same on the server alone, with the fixed marker in the place of
 * whatever was refused. Both must hear and leave the same.
 */
import { setTimeout as pause } from "node:timers/promises";
import { connect, type Session } from "#tools/postgres/client.ts";
import { type PostgresServer, startPostgres } from "#tools/postgres/server.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { C, S, type WireClient, wireClient } from "#test/postgres/support/wire.ts";
import { passwordClient } from "#test/postgres/support/direct.ts";
import { type Gateway, startGateway } from "#test/postgres/support/gateway.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { MARKER_PARSE, MARKER_QUERY, markerParse } from "#sidecar/protocols/postgres/marker.ts";
import type * as protocolModule from "#sidecar/protocols/postgres/protocol.ts";
import { planted } from "../defects/plant.ts";
import type { Fuzzer, Player } from "../fuzzer.ts";
import { turns } from "../generate.ts";
import { isSameByName } from "../by-name.ts";
import { REFUSED } from "../model/server.ts";
import type { Random } from "../random.ts";
import { messagesOf, type Turn } from "../steps.ts";
import { isRefusedBy, LEFT, MASK_PEOPLE, realText, RESET, SETUP } from "../texts.ts";
import { typeOf } from "../wire.ts";
import { answeredWith } from "./answered.ts";
import { inWordsOf } from "./words.ts";

export interface DifferentialCase {
  readonly isNewest: boolean;
  readonly masks: boolean;
  /** Decisions come later. */
  readonly late: boolean;
  readonly turns: readonly Turn[];
}

const VERSIONS = [15, 18] as const;
const HABITS = { text: realText, turnsMax: 4, stepsMax: 5, isTidy: true };
/** Both sessions are over, in the same way. */
const ENDED = "ended";
/** Nothing here takes a second. */
const HANG_MS = 10_000;
/** A server that lost a process writes so as soon as it has seen it. */
const OBITUARY_MS = 1_000;
const POLL_MS = 20;

export const differential: Fuzzer<DifferentialCase> = {
  name: "differential",
  what: "the gateway before a real server, beside the server alone",
  share: 4,
  skip: () => skipWithoutPostgres(...VERSIONS),
  generate: (random: Random) => ({
    isNewest: random.once(2),
    masks: random.once(2),
    late: random.once(4),
    turns: turns(random, HABITS),
  }),
  async open(defect): Promise<Player<DifferentialCase>> {
    const { postgresProtocol } = (await import(
      planted("sidecar/protocols/postgres/protocol.ts", defect)
    )) as typeof protocolModule;
    const stages = new Map<number, Stage>();
    const close = async (): Promise<void> => {
      for (const stage of stages.values()) await stage[Symbol.asyncDispose]();
      stages.clear();
    };
    return {
      async play(each) {
        const version = VERSIONS[each.isNewest ? 1 : 0];
        const stage = stages.get(version) ?? (await openStage(version, postgresProtocol));
        stages.set(version, stage);
        try {
          const what = await stage.play(each);
          return what === undefined || (await stage.turnsOutCrashed()) ? undefined : what;
        } catch (error) {
          if (!(await stage.turnsOutCrashed())) throw error;
          return undefined;
        } finally {
          // A statement that kills the server, as some do in some releases, says nothing about the gateway.
          if (stage.hasCrashed()) await close();
        }
      },
      [Symbol.asyncDispose]: close,
    };
  },
};

interface Stage extends AsyncDisposable {
  play(each: DifferentialCase): Promise<string | undefined>;
  hasCrashed(): boolean;
  /** Its clients know it before it has written that it has. */
  turnsOutCrashed(): Promise<boolean>;
}

/** One server with a database for each side; in that of the server alone, people hold what masks make of them. */
async function openStage(
  version: (typeof VERSIONS)[number],
  protocol: typeof protocolModule.postgresProtocol,
): Promise<Stage> {
  await using opening = new AsyncDisposableStack();
  const server = opening.use(await startPostgres({ version, tcp: true }));
  const admins = [];
  for (const database of ["through", "direct", "masked"]) {
    const admin = await connect(server);
    await admin.query(`create database ${database}`);
    await admin[Symbol.asyncDispose]();
    const own = opening.use(await connect(server, { database }));
    await own.query(SETUP);
    if (database === "masked") await own.query(MASK_PEOPLE);
    admins.push(own);
  }
  const policy = new WordPolicy();
  const gateways = [];
  for (const mask of [[], MASKS])
    gateways.push(
      opening.use(
        await startGateway({
          server,
          protocol,
          database: "through",
          judge: policy.judge,
          obligations: { mask },
        }),
      ),
    );
  const [through, direct, masked] = admins as [Session, Session, Session];
  const [plain, masking] = gateways as [Gateway, Gateway];
  const held = opening.move();
  const hasCrashed = (): boolean => server.log().includes("was terminated by signal");
  return {
    play: (each) =>
      new Comparison(each, {
        server,
        policy,
        gateway: each.masks ? masking : plain,
        through,
        direct: each.masks ? masked : direct,
        database: each.masks ? "masked" : "direct",
      }).play(),
    hasCrashed,
    async turnsOutCrashed() {
      for (const endMs = Date.now() + OBITUARY_MS; !hasCrashed() && Date.now() < endMs; )
        await pause(POLL_MS);
      return hasCrashed();
    },
    [Symbol.asyncDispose]: () => held[Symbol.asyncDispose](),
  };
}

const MASKS = ["secret", "pin"].map(
  (column) => ({ schema: "public", table: "people", column, action: "redact" }) as const,
);

/** What is known by its facts alone is judged by the text that they came from. */
class WordPolicy {
  words: readonly string[] = [];
  readonly #texts = new WeakMap<StatementFacts, string>();

  readonly judge = (facts: StatementFacts, text: string): string | undefined => {
    if (text !== "") this.#texts.set(facts, text);
    return isRefusedBy(this.words, text === "" ? (this.#texts.get(facts) ?? "") : text)
      ? "not for agents"
      : undefined;
  };
}

interface Parts {
  readonly server: PostgresServer;
  readonly policy: WordPolicy;
  readonly gateway: Gateway;
  readonly through: Session;
  readonly direct: Session;
  readonly database: string;
}

class Comparison {
  readonly #case: DifferentialCase;
  readonly #parts: Parts;

  constructor(each: DifferentialCase, parts: Parts) {
    this.#case = each;
    this.#parts = parts;
  }

  async play(): Promise<string | undefined> {
    const { server, gateway, through, direct, database, policy } = this.#parts;
    await Promise.all([through.query(RESET), direct.query(RESET)]);
    policy.words = [];
    const before = gateway.taps.length;
    const clients = await Promise.all([
      wireClient(gateway.port),
      passwordClient(server, "postgres", database),
    ]);
    const tap = gateway.taps[before];
    if (tap === undefined) throw new Error("a session without a tap");
    tap.later = this.#case.late;
    try {
      for (const [index, turn] of this.#case.turns.entries()) {
        policy.words = turn.refuses;
        tap.changed();
        const wrong = await this.#turn(turn, ...clients);
        if (wrong === ENDED) return undefined;
        if (wrong !== undefined) return `turn ${index + 1}: ${wrong}`;
      }
    } finally {
      for (const client of clients) client.close();
    }
    const left = await Promise.all([through, direct].map((admin) => admin.query(LEFT)));
    const [one, other] = left.map(([row]) => row?.["digest"]);
    return one === other ? undefined : `what stays is not the same: ${String(one)} and ${String(other)}`;
  }

  async #turn({ refuses, steps }: Turn, client: WireClient, alone: WireClient): Promise<string | undefined> {
    const messages = [...steps.flatMap(messagesOf), S];
    const heard = await say(client, messages);
    if (heard === undefined) return "the gateway hangs";
    const refused = answeredWith(REFUSED, messages, heard);
    const words = this.#wordsOf(heard);
    if (refused === undefined && typeOf(heard.at(-1) ?? S) === "E")
      return await this.#endsAlike(alone, messages, refuses, words);
    if (refused === undefined) return `the answers fit no messages: ${words.join(" ")}`;
    const unasked = [...refused].filter((index) => !this.#mayBeRefused(messages[index], refuses));
    if (unasked.length > 0)
      return `message ${unasked.join()} is refused without a reason: ${words.join(" ")}`;
    const marked = messages.map((message, index) =>
      refused.has(index) || isRefusedText(message, refuses) ? markerFor(message) : message,
    );
    const expected = await say(alone, marked);
    if (expected === undefined) return "the server alone hangs";
    return difference(words, this.#wordsOf(expected));
  }

  #wordsOf(answers: readonly Buffer[]): readonly string[] {
    const words = inWordsOf(answers);
    return this.#case.masks ? withoutStopped(words) : words;
  }

  /**
   * A server that ends a session by itself (15 does, of a prepared SAVEPOINT that EXECUTE runs) does so alone as well. Which messages were
   * refused before cannot be told then.
   */
  // oxlint-disable-next-line max-params -- what was said, and what was heard of it
  async #endsAlike(
    alone: WireClient,
    messages: readonly Buffer[],
    refuses: readonly string[],
    words: readonly string[],
  ): Promise<string> {
    const marked = messages.map((message) =>
      isRefusedText(message, refuses) ? markerFor(message) : message,
    );
    const expected = await say(alone, marked);
    if (expected === undefined) return "the server alone hangs";
    return difference(words, this.#wordsOf(expected), isSameByName) ?? ENDED;
  }

  /** Masks refuse what they cannot be laid on; a text is refused for its words; what runs by a name, for what that is. */
  #mayBeRefused(message: Buffer | undefined, refuses: readonly string[]): boolean {
    if (message === undefined) return false;
    const text = textOf(message);
    return this.#case.masks || text === undefined || isRefusedBy(refuses, text);
  }
}

/** What masks stop at its description has been described; a marker in its place is not, one behind a Describe of the client's own is. */
const withoutStopped = (words: readonly string[]): string[] =>
  words.filter((word, index) => !(word.startsWith("T(") && words[index + 1] === `E(${REFUSED})`));

/** Close of what is not there is answered in any state and changes nothing. */
const END = [...Array.from({ length: 5 }, () => C("P", "nothing of this name")), S];
const END_WORDS = "33333Z";

/** What is heard until the end; undefined when it does not come. */
async function say(client: WireClient, messages: readonly Buffer[]): Promise<Buffer[] | undefined> {
  client.send(...messages, ...END);
  const heard: Buffer[] = [];
  const hanging = new AbortController();
  const hang = pause(HANG_MS, undefined, { signal: hanging.signal, ref: false }).catch(() => undefined);
  try {
    for (;;) {
      const more = await Promise.race([client.untilReady(), hang]);
      if (more === undefined) return undefined;
      heard.push(...more.map(({ bytes }) => bytes));
      const told = heard.filter((answer) => !"SAN".includes(typeOf(answer)));
      const last = told.slice(-END.length).map(typeOf).join("");
      if (last === END_WORDS) return heard.slice(0, heard.indexOf(told.at(-END.length) as Buffer));
      if (more.at(-1)?.type !== "Z") return heard;
    }
  } finally {
    hanging.abort();
  }
}

function textOf(message: Buffer): string | undefined {
  const type = typeOf(message);
  if (type !== "Q" && type !== "P") return undefined;
  const from = type === "Q" ? 5 : message.indexOf(0, 5) + 1;
  return message.toString("utf8", from, message.indexOf(0, from));
}

const isRefusedText = (message: Buffer, refuses: readonly string[]): boolean =>
  isRefusedBy(refuses, textOf(message) ?? "");

function markerFor(message: Buffer): Buffer {
  const type = typeOf(message);
  if (type === "Q") return MARKER_QUERY;
  return type === "P" ? markerParse(message.toString("utf8", 5, message.indexOf(0, 5))) : MARKER_PARSE;
}

/** A notification comes when the server is ready, and it may be so for the gateway's sake as well: among answers it has no place. */
function difference(
  all: readonly string[],
  awaited: readonly string[],
  isSame: (heard: string | undefined, expected: string | undefined) => boolean = Object.is,
): string | undefined {
  const [notified, notifications] = [all, awaited].map((words) => words.filter(isNotification).join());
  if (notified !== notifications) return `notifications: ${notified}, and should be ${notifications}`;
  const [heard = [], expected = []] = [all, awaited].map((words) =>
    words.filter((word) => !isNotification(word)),
  );
  for (let index = 0; index < Math.max(heard.length, expected.length); index += 1)
    if (!isSame(heard[index], expected[index]))
      return `answer ${index + 1} is ${heard[index] ?? "missing"} and should be ${expected[index] ?? "none"}\n  heard    ${all.join(" ")}\n  expected ${awaited.join(" ")}`;
  return undefined;
}

const isNotification = (word: string): boolean => word.startsWith("A(");
