/** Cases of the login phase: what a client says before it is let in, and how the upstream behind the gateway answers. */
import { PROTOCOL_3_0, PROTOCOL_3_2 } from "#core/wire/postgres/startup.ts";
import type { Random } from "../random.ts";
import { LIE_NAMES, type LieName } from "./lies.ts";

/** Nothing is said before everything that was said earlier has had its effect, unless it is `eager`: then it is sent with what it follows. */
interface Manner {
  readonly eager: boolean;
  /** So many of its bytes are changed, left out or made up. */
  readonly edits: number;
}

export type ClientSay = Manner &
  (
    | { readonly say: "ssl" | "gss" | "direct" | "nameless" | "sasl" | "query" | "terminate" }
    | { readonly say: "startup"; readonly version: number; readonly pairs: readonly Pair[] }
    | { readonly say: "password"; readonly of: "token" | "other" | "nobody" }
    | { readonly say: "cancel"; readonly keyBytes: number }
    | { readonly say: "noise"; readonly bytes: number }
  );

export interface Pair {
  readonly name: string;
  readonly value: string;
}

export interface Lie {
  /** Which of the upstream's messages it is about, of PLACES or behind them. */
  readonly at: number;
  readonly how: (typeof HOW)[number];
  readonly what: LieName;
}

export interface LoginsCase {
  /** Of what is left to chance while it is played: pieces, and which bytes are edited. */
  readonly chance: number;
  readonly listener: { readonly tls: boolean; readonly perClient: boolean };
  readonly connection: { readonly tls: boolean; readonly weak: readonly ("md5" | "cleartext")[] };
  readonly client: readonly ClientSay[];
  readonly upstream: {
    readonly asks: "scram" | "md5" | "cleartext" | "trust";
    readonly binds: boolean;
    readonly isNewest: boolean;
    /** More of both than the few that it says anyway. */
    readonly notices: number;
    readonly noticeBytes: number;
    readonly parameters: number;
    readonly lies: readonly Lie[];
  };
  /** Once nothing moves any more; the other one does as soon as nothing moves again. */
  readonly upstreamLeavesFirst: boolean;
  readonly leavesAbruptly: boolean;
}

/** What is said before anybody is in. */
export const PLACES = { encryption: 0, version: 1, ask: 2, challenge: 3, proof: 4, letIn: 5 } as const;

/** What could stand there, as far as its form goes. */
const FITTING: Readonly<Record<number, readonly LieName[]>> = {
  [PLACES.version]: ["more than was asked for", "another protocol", "less than was asked for"],
  [PLACES.ask]: ["ok", "asks in the clear", "asks for MD5", "offers binding alone", "its own words"],
  [PLACES.challenge]: ["ok", "another nonce", "nothing of its own", "cheap to guess at", "no work at all"],
  [PLACES.proof]: ["ok", "a wrong signature", "no signature", "an error for a signature"],
};

const HOW = ["lost", "twice", "edited", "before", "instead", "behind", "cut", "silence", "flood"] as const;

export const USER = "agent";
export const DATABASE = "orders";

/** May be asked for by anybody. */
export const SAFE: readonly Pair[] = [
  { name: "database", value: DATABASE },
  { name: "application_name", value: "nightly" },
  { name: "client_encoding", value: "UTF8" },
  { name: "options", value: "-c statement_timeout=5s" },
  { name: "DateStyle", value: "ISO" },
  { name: "_pq_.unheard_of", value: "1" },
];
const UNSAFE: readonly Pair[] = [
  { name: "role", value: "postgres" },
  { name: "ROLE", value: "postgres" },
  { name: "session_authorization", value: "postgres" },
  { name: "options", value: "-c role=postgres" },
  { name: "options", value: "--session-authorization=postgres" },
  { name: "options", value: "-c standard_conforming_strings=off" },
  { name: "standard_conforming_strings", value: "off" },
  { name: "client_encoding", value: "SJIS" },
  { name: "session_preload_libraries", value: "auto_explain" },
  { name: "replication", value: "database" },
  { name: "database", value: "postgres" },
  { name: "user", value: "postgres" },
  { name: "", value: "" },
  { name: "application_name", value: "n".repeat(9_000) },
];

const VERSIONS = [PROTOCOL_3_0, PROTOCOL_3_0, PROTOCOL_3_2, (3 << 16) | 9, 2 << 16, 4 << 16];
const PLAIN: Manner = { eager: false, edits: 0 };

export function loginsCase(random: Random): LoginsCase {
  const perClient = random.once(3);
  const listener = { tls: perClient || random.once(2), perClient };
  const connection = { tls: random.once(3), weak: random.once(4) ? (["md5", "cleartext"] as const) : [] };
  const script = honest(random, listener);
  const client = random.once(2) ? script : disturbed(random, script);
  return {
    chance: random.below(2 ** 31),
    listener,
    connection,
    client,
    upstream: {
      asks: random.once(5) ? random.pick(["md5", "cleartext", "trust"]) : "scram",
      binds: !random.once(4),
      isNewest: random.once(2),
      notices: random.once(8) ? random.below(500) : 0,
      noticeBytes: random.pick([0, 2_000]),
      parameters: random.once(8) ? random.below(260) : 0,
      lies: random.once(3) ? [] : random.many(2, () => lie(random)),
    },
    upstreamLeavesFirst: random.once(2),
    leavesAbruptly: random.once(2),
  };
}

function honest(random: Random, { tls, perClient }: LoginsCase["listener"]): ClientSay[] {
  const script: ClientSay[] = [];
  if (random.once(4)) script.push({ ...PLAIN, say: "gss" });
  if (tls && (perClient || random.once(3)))
    script.push({ ...PLAIN, say: script.length === 0 && random.once(3) ? "direct" : "ssl" });
  const pairs = [
    { name: "user", value: USER },
    ...(random.once(2) ? SAFE.filter(() => random.once(3)) : []),
    ...(random.once(6) ? [random.pick(UNSAFE)] : []),
  ];
  script.push({ ...PLAIN, say: "startup", version: random.pick(VERSIONS), pairs });
  if (perClient)
    script.push({
      ...PLAIN,
      say: "password",
      of: random.once(4) ? random.pick(["other", "nobody"]) : "token",
    });
  script.push({ ...PLAIN, say: "query" }, { ...PLAIN, say: "terminate" });
  return script;
}

/** With things left out, said twice, made up, said too early, and with other bytes. */
function disturbed(random: Random, script: readonly ClientSay[]): ClientSay[] {
  const says = [...script];
  for (let count = 1 + random.below(3); count > 0; count -= 1) {
    const at = random.below(says.length + 1);
    const each = says[at];
    const ways: (() => void)[] = [() => says.splice(at, 0, stray(random))];
    if (each !== undefined)
      ways.push(
        () => says.splice(at, 1),
        () => says.splice(at, 0, each),
        () => says.splice(at, 1, { ...each, edits: 1 + random.below(3) }),
        () => says.splice(at, 1, { ...each, eager: true }),
      );
    random.pick(ways)();
  }
  return says;
}

function stray(random: Random): ClientSay {
  const manner = { eager: random.once(2), edits: random.once(4) ? 1 : 0 };
  return random.pick<ClientSay>([
    { ...manner, say: random.pick(["ssl", "gss", "direct", "nameless", "sasl", "query", "terminate"]) },
    { ...manner, say: "password", of: random.pick(["token", "other", "nobody"]) },
    { ...manner, say: "cancel", keyBytes: random.pick([0, 1, 4, 32, 256, 257, 4_000]) },
    { ...manner, say: "noise", bytes: random.pick([1, 4, 8, 40, 400, 20_000]) },
    { ...manner, say: "startup", version: random.pick(VERSIONS), pairs: [random.pick(UNSAFE)] },
  ]);
}

const lie = (random: Random): Lie => {
  const at = random.below(random.once(3) ? 24 : 7);
  const fitting = FITTING[at];
  if (fitting !== undefined && random.once(2)) return { at, how: "instead", what: random.pick(fitting) };
  return { at, how: random.pick(HOW), what: random.pick(LIE_NAMES) };
};
