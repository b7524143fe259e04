/**
 * The relay of one session as it runs in a gateway: with policy, statement analysis, the catalog of a real server and two masked
 * columns, and without sockets, processes or the trail.
 */
import { answerWithPassword } from "#broker/sources/answering.ts";
import { loadKinds } from "#core/api/load.ts";
import { compile } from "#core/policy/compile.ts";
import type { Challenge } from "#core/port/port.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { readyForQuery } from "#core/wire/postgres/messages.ts";
import { openTap } from "#sidecar/gateway/tap.ts";
import { openWorkerMetrics } from "#sidecar/process/metrics.ts";
import { databaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { type UpstreamLogin, logIn } from "#sidecar/protocols/postgres/login.ts";
import { memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import { Relay } from "#sidecar/protocols/postgres/relay.ts";
import { SearchPath } from "#sidecar/protocols/postgres/search-path.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import type { Recorder } from "#sidecar/uplink/recorder.ts";
import { connect } from "#tools/postgres/client.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { DATABASE, ROLE } from "../accounts.ts";
import { KINDS, SCHEMA } from "./schema.ts";
import { MemoryPeer } from "./peers.ts";

export interface PathSession extends AsyncDisposable {
  readonly client: MemoryPeer;
  readonly upstream: MemoryPeer;
  /** What the server itself answers, up to ReadyForQuery. */
  ask(request: Buffer): Promise<Buffer>;
}

/** Read once: nothing else is to be measured beside. */
const HOUR_MS = 3_600_000;
const never = new AbortController().signal;

export async function openPathSession(): Promise<PathSession> {
  await using opened = new AsyncDisposableStack();
  const server = opened.use(await startPostgres({ version: 18, tcp: true }));
  await using root = await connect(server);
  await root.query(`create database ${DATABASE}`);
  await using owner = await connect(server, { database: DATABASE });
  await owner.query(`${SCHEMA} alter role ${ROLE} password '${server.password}'`);
  const target = targetOf(server);
  const login = async (signal: AbortSignal): Promise<UpstreamLogin> => {
    const known = await logIn(target, new Map(), signal);
    if (isRefusal(known)) throw new Error(known.publicText);
    return known;
  };
  const { socket, parameters } = await login(never);
  opened.defer(() => void socket.destroy());
  const catalogs = opened.use(databaseCatalogs({ freshMs: HOUR_MS, staleMs: HOUR_MS }));
  const catalog = await catalogs.open({ target, parameters, logIn: login });
  if (isRefusal(catalog)) throw new Error(catalog.publicText);
  const tap = openBenchTap();
  await catalog.ready(tap.obligations.mask);
  const analyst = opened.use(openAnalyst());
  const client = new MemoryPeer();
  const upstream = new MemoryPeer();
  const stop = new AbortController();
  const relay = new Relay(
    {
      client: client.socket,
      upstream: upstream.socket,
      analyse: (text, context) => analyst.analyse(text, context),
      catalog,
      path: new SearchPath('"$user", public', ROLE, true),
      budget: memoryBudget(64 * 1024 * 1024),
      withheld: { user: ROLE, host: "127.0.0.1" },
      cancel: () => Promise.resolve(false),
      whenClientCloses: "finish",
    },
    tap,
  );
  const ended = relay.run(stop.signal);
  opened.defer(async () => {
    stop.abort(refusal("SHUTTING_DOWN"));
    await ended;
  });
  const moved = opened.move();
  return {
    client,
    upstream,
    ask: (request) => answerTo(socket, request),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}

async function answerTo(socket: UpstreamLogin["socket"], request: Buffer): Promise<Buffer> {
  socket.write(request);
  const chunks: Buffer[] = [];
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    chunks.push(chunk as Buffer);
    const end = Buffer.concat(chunks.slice(-2)).subarray(-READY.length);
    if (end.equals(READY)) break;
  }
  return Buffer.concat(chunks);
}

const READY = readyForQuery("I");

/** Records nothing: what the trail costs, `bench/performance.ts` measures. */
const NO_RECORDER = new Proxy({ isFull: false } as Recorder, {
  get: (_, name) => (name === "isFull" ? false : () => undefined),
});

function openBenchTap() {
  const { connections, policies } = loadKinds([{ path: "bench.yaml", text: KINDS }]);
  const plan = compile({ connections, policies });
  const { meters } = openWorkerMetrics(0, {
    isConnected: () => true,
    windowFullness: () => 0,
    parser: () => ({ instances: 0, broken: 0 }),
  });
  const connection = { namespace: "bench", name: "bench" };
  return openTap({
    caller: { identity: { oidc: { provider: "bench", claims: { sub: "agent" } } }, ancestors: [] },
    connection,
    opening: { protocol: "postgres", statements: [] },
    plan: { version: "1", plan, connections: [], policies, connection: () => undefined },
    recorder: NO_RECORDER,
    hold: () => Promise.resolve(refusal("ASK_NOT_AVAILABLE")),
    meters,
    onRefused: ({ code, publicText }) => {
      throw new Error(`refused by ${code}: ${publicText}`);
    },
    nowMs: Date.now,
  });
}

function targetOf({ port, password }: { readonly port: number; readonly password: string }) {
  const secret = new SecretBytes(Buffer.from(password));
  return {
    connection: {
      metadata: { name: "bench", namespace: "bench" },
      spec: {
        protocol: "postgres",
        address: { host: "127.0.0.1", port },
        tls: { mode: "disable" },
        postgres: { database: DATABASE },
      },
    },
    lease: { lease: "lease", user: ROLE, expiresMs: Infinity },
    prove: async (challenge: Challenge, signal: AbortSignal) =>
      (await answerWithPassword(challenge, secret, {
        field: "bench",
        user: ROLE,
        upstream: "bench",
        signal,
      })) ?? refusal("CREDENTIAL_REFUSED"),
    sessionMark: "sallyport:bench",
  } as const;
}
