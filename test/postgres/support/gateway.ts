/** The engine in front of a real server, with a tap that tests script and a broker that knows the password. */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import type { SecureContext } from "node:tls";
import { answerWithPassword } from "#broker/sources/answering.ts";
import type { Challenge, ConnectionView, Proof } from "#core/port/port.ts";
import type { Decision, Obligations } from "#core/policy/decision.ts";
import type { Request } from "#core/policy/facts.ts";
import type { StatementFacts } from "#core/statements/postgres/facts.ts";
import { isRefusal, type Refusal, refusal } from "#core/values/refusal.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { type DatabaseCatalogs, databaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import { postgresProtocol } from "#sidecar/protocols/postgres/protocol.ts";
import type { GreetingSettings, RelayEnd, ResultCounts, Tap, Verdict } from "#sidecar/protocols/protocol.ts";
import { sharing } from "#sidecar/protocols/shared-reads.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import type { PostgresServer } from "#tools/postgres/server.ts";

/** Says of one statement why it may not run; undefined: it may. */
export type Judge = (facts: StatementFacts, text: string) => string | undefined;

export interface ScriptedTap extends Tap {
  judge: Judge;
  /** Answers of `decide` come as promises from now on. */
  later: boolean;
  passesAll: boolean;
  set(obligations: Partial<Obligations>): void;
  changed(): void;
  /** The record falls behind, or has caught up. */
  fill(isFull: boolean): void;
  readonly decided: string[];
  readonly results: ({ readonly request: number } & ResultCounts)[];
  rows: number;
  bytes: number;
}

export function scriptedTap(judge: Judge): ScriptedTap {
  const listeners: (() => void)[] = [];
  const rooms: (() => void)[] = [];
  let isFull = false;
  let obligations: Obligations = { mask: [], limits: {}, whenParentEnds: "finish" };
  const decisionOf = (request: Request, text: string): Decision => {
    const statements = request.protocol === "postgres" ? request.statements : [];
    const why = statements.map((facts) => tap.judge(facts, text)).find((one) => one !== undefined);
    return {
      outcome: why === undefined ? "allow" : "deny",
      code: why === undefined ? "ALLOWED" : "DENY_RULE",
      publicText: why ?? "allowed",
      obligations,
      observations: [],
      validUntilMs: Infinity,
    };
  };
  const tap: ScriptedTap = {
    judge,
    later: false,
    passesAll: false,
    decided: [],
    results: [],
    rows: 0,
    bytes: 0,
    decide(request, text) {
      const shown = Buffer.from(text).toString("utf8");
      const number = tap.decided.push(shown) - 1;
      const decision = decisionOf(request, shown);
      const verdict: Verdict =
        decision.outcome === "allow"
          ? { pass: true, request: number, decision }
          : { pass: false, request: number, refusal: refusal("DENY_RULE", decision.publicText, "test/rule") };
      return tap.later ? Promise.resolve(verdict) : verdict;
    },
    recheck: (request) => decisionOf(request, ""),
    result: (request, counts) => void tap.results.push({ request, ...counts }),
    count(rows, bytes) {
      tap.rows += rows;
      tap.bytes += bytes;
      if (tap.rows > (obligations.limits.rows ?? Infinity)) return refusal("LIMIT_ROWS");
      return tap.bytes > (obligations.limits.bytes ?? Infinity) ? refusal("LIMIT_BYTES") : undefined;
    },
    get obligations() {
      return obligations;
    },
    set(some) {
      obligations = { ...obligations, ...some };
    },
    changed() {
      for (const listener of listeners) listener();
    },
    onChange: (listener) => void listeners.push(listener),
    get isFull() {
      return isFull;
    },
    fill(full) {
      isFull = full;
      if (!full) for (const listener of rooms) listener();
    },
    onRoom: (listener) => void rooms.push(listener),
  };
  return tap;
}

export const allowAll: Judge = () => undefined;
/** Whatever touches the table `forbidden`. */
export const denyForbidden: Judge = ({ accesses }) =>
  accesses.some(({ relation }) => relation?.name === "forbidden")
    ? "the table forbidden is not for agents"
    : undefined;

export interface Gateway extends AsyncDisposable {
  readonly port: number;
  /** Of the session opened last. */
  readonly tap: ScriptedTap;
  readonly taps: readonly ScriptedTap[];
  readonly ends: readonly (RelayEnd | Refusal | Error)[];
  /** Ends every session, as a gateway that shuts down does. */
  stop(): Promise<void>;
  /** Resolves when that many sessions have ended. */
  ended(count: number): Promise<void>;
}

export interface GatewayOptions {
  readonly server: Pick<PostgresServer, "port" | "password"> & { readonly host?: string };
  readonly judge?: Judge;
  readonly database?: string;
  readonly user?: string;
  readonly obligations?: Partial<Obligations>;
  /** Of others as well; without it the gateway has its own. */
  readonly catalogs?: Pick<DatabaseCatalogs, "open">;
  readonly identity?: "ambient" | "perClient";
  readonly tls?: SecureContext;
  readonly upstreamTls?: ConnectionView["spec"]["tls"];
  /** Beside the database. */
  readonly postgres?: Partial<NonNullable<ConnectionView["spec"]["postgres"]>>;
  readonly later?: boolean;
  readonly passesAll?: boolean;
  readonly budgetBytes?: number;
  /** The protocol with something planted in it. */
  readonly protocol?: typeof postgresProtocol;
  readonly onGreeting?: (evidence: {
    readonly presentedSecret: string | undefined;
    readonly token: string;
  }) => Refusal | undefined;
}

export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const analyst = openAnalyst();
  const catalogs = databaseCatalogs();
  const protocol = (options.protocol ?? postgresProtocol)({
    analyse: (text, context) => analyst.analyse(text, context),
    openCatalog: (opening) => (options.catalogs ?? catalogs).open(opening),
    budget: memoryBudget(options.budgetBytes ?? 256 * 1024 * 1024),
  });
  const sessions = new Map<string, { cancel(): void }>();
  const taps: ScriptedTap[] = [];
  const ends: (RelayEnd | Refusal | Error)[] = [];
  const waiting: (() => void)[] = [];
  const stop = new AbortController();
  const running = new Set<Promise<void>>();
  const sockets = new Set<Socket>();

  const carry = async (client: Socket): Promise<RelayEnd | Refusal | undefined> => {
    let key = Buffer.alloc(0);
    const settings: GreetingSettings = {
      listener: "test",
      identity: options.identity ?? "ambient",
      tls: options.tls,
      progressed: () => undefined,
      cancel: (asked) => sessions.get(Buffer.from(asked).toString("hex"))?.cancel(),
      cancelKey: (length) => (key = randomBytes(length)),
    };
    const greeting = await protocol.greet(client, settings, stop.signal);
    if (greeting === undefined || isRefusal(greeting)) return undefined;
    const { presentedSecret, evidence } = greeting;
    const token = evidence.kind === "token" ? Buffer.from(evidence.token).toString() : "";
    const unwelcome = options.onGreeting?.({ presentedSecret, token });
    if (unwelcome !== undefined) {
      await greeting.refuse(unwelcome);
      return unwelcome;
    }
    greeting.welcome();
    const session = await greeting.connect(targetOf(options), stop.signal);
    if (isRefusal(session)) {
      await greeting.refuse(session);
      return session;
    }
    const tap = scriptedTap(options.judge ?? allowAll);
    tap.set(options.obligations ?? {});
    tap.later = options.later ?? false;
    tap.passesAll = options.passesAll ?? false;
    taps.push(tap);
    const relaying = session.relay(tap, stop.signal);
    sessions.set(key.toString("hex"), session);
    return relaying;
  };

  const carried = async (client: Socket): Promise<void> => {
    try {
      const end = await carry(client);
      if (end !== undefined) ends.push(end);
    } catch (error) {
      ends.push(error as Error);
    }
  };

  const listener = createServer({ allowHalfOpen: true, noDelay: true }, (accepted) => {
    const client = sharing(accepted);
    sockets.add(client);
    client.on("close", () => sockets.delete(client));
    const run = carried(client).finally(() => {
      running.delete(run);
      for (const wake of waiting.splice(0)) wake();
    });
    running.add(run);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");
  return {
    port: (listener.address() as { port: number }).port,
    get tap() {
      return taps.at(-1) as ScriptedTap;
    },
    taps,
    ends,
    async ended(count) {
      while (ends.length < count) await new Promise<void>((resolve) => waiting.push(resolve));
    },
    async stop() {
      stop.abort(refusal("SHUTTING_DOWN"));
      await Promise.all(running);
    },
    async [Symbol.asyncDispose]() {
      listener.close();
      stop.abort(refusal("SHUTTING_DOWN"));
      for (const socket of sockets) socket.destroy();
      await Promise.all(running);
      await catalogs[Symbol.asyncDispose]();
      await analyst[Symbol.asyncDispose]();
    },
  };
}

function targetOf(options: GatewayOptions) {
  const { server, database = "postgres", user = "postgres", upstreamTls, postgres } = options;
  const password = new SecretBytes(Buffer.from(server.password));
  return {
    connection: {
      metadata: { name: "orders", namespace: "test" },
      spec: {
        protocol: "postgres",
        address: { host: server.host ?? "127.0.0.1", port: server.port },
        tls: upstreamTls ?? { mode: "disable" },
        postgres: { database, ...postgres },
      },
    },
    lease: { lease: "lease", user, expiresMs: Infinity },
    // Answers whatever it is asked: what must not be asked is the engine's to know.
    prove: async (challenge: Challenge, signal: AbortSignal): Promise<Proof | Refusal> =>
      (await answerWithPassword(challenge, password, { field: "test", user, upstream: "test", signal })) ??
      refusal("CREDENTIAL_REFUSED"),
    sessionMark: "sallyport:test",
  } as const;
}
