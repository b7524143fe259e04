import { resolve } from "node:path";
import { availableParallelism } from "node:os";
import { type Log, openLog } from "#runtime/log.ts";
import { type Observability, serveObservability } from "#runtime/observability.ts";
import { type CommandResult, command } from "./frame/command.ts";
import type { Io } from "./frame/io.ts";
import { chooseAccounts } from "./gateway/accounts.ts";
import { defaultDataFolder, prepareFolders } from "./gateway/folders.ts";
import type { OpenListener } from "./gateway/listening.ts";
import { readyLine } from "./gateway/ready.ts";
import { type Supervisor, startSupervisor } from "./gateway/supervisor.ts";

const WORKERS_MAX = 64;
const SESSIONS_DEFAULT = 5_000;
const GRACE_SECONDS_DEFAULT = 20;
const TRAIL_WAIT_MS = 10_000;

/** Held to the kinds by a test. */
const GATEWAY_EXAMPLE = `# Where the gateway listens, which Connection each place leads to, and how it knows who is there.
apiVersion: sallyport.dev/v1alpha1
kind: Gateway
metadata: {name: host}
spec:
  listeners:
    # Every process of user 1000 is one subject, the one in the token; no client brings anything.
    - name: agents
      connection: {namespace: shop, name: orders}
      address: {host: 127.0.0.1, port: 6432}
      identity: {ambient: {tokenFile: /var/run/secrets/tokens/sallyport, uid: 1000}}
    # Every client brings a token of its own, as its password, over TLS.
    - name: people
      connection: {namespace: shop, name: orders}
      address: {host: 0.0.0.0, port: 6433}
      identity: {perClient: {providers: [corporate]}}
`;

export const gateway = command({
  summary: "run the gateway on this host, with kinds from files",
  description: [
    "Reads the Gateway, Connections, policies and identity providers below --config, opens the listeners, and serves clients " +
      "until it is told to end. Files are watched: an edit is in force within a second, for sessions that are open too.",
    "It runs as two kinds of process: a broker, which holds credentials and the trail, and workers, which speak with clients. " +
      "Started as root each kind runs as a user of its own.",
    "SIGTERM and SIGINT end it: no client is accepted any more, and sessions have --grace seconds to end. A second signal " +
      "ends them at once. Its log goes to standard error, one JSON object a line.",
  ],
  positionals: [],
  options: {
    config: { type: "string", value: "DIR", required: true, help: "directory with the files" },
    data: {
      type: "string",
      value: "DIR",
      help: "trail, keys and sockets; left out, /var/lib/sallyport for root and ~/.local/state/sallyport for others",
    },
    workers: {
      type: "string",
      value: "N",
      help: "processes that serve clients; left out, one for each processor",
    },
    sessions: {
      type: "string",
      value: "N",
      help: `sessions that one worker carries; left out, ${SESSIONS_DEFAULT}`,
    },
    metrics: { type: "string", value: "HOST:PORT", help: "serve /livez, /readyz and /metrics there" },
    grace: {
      type: "string",
      value: "SECONDS",
      help: `how long sessions may go on when it is told to end; left out, ${GRACE_SECONDS_DEFAULT}`,
    },
    "broker-uid": { type: "string", value: "USER", help: "as root: the broker's user, by name or number" },
    "data-plane-uid": {
      type: "string",
      value: "USER",
      help: "as root: the workers' user, by name or number",
    },
    group: {
      type: "string",
      value: "GROUP",
      help: "as root: the group of both, for the socket between them",
    },
    "log-level": {
      type: "string",
      choices: ["debug", "info", "warn", "error"],
      default: "info",
      help: "what to log",
    },
  },
  examples: [
    "sallyport gateway --config /etc/sallyport",
    "sallyport gateway --config policies/ --data ./state --metrics 127.0.0.1:9464",
  ],
  topics: { LISTENERS: () => GATEWAY_EXAMPLE },
  run: async ({ options }, io): Promise<CommandResult> => {
    const ownUid = process.getuid?.();
    const read = readNumbers(options);
    if (typeof read === "string") return { cannotRun: read };
    const accounts = chooseAccounts(
      { brokerUid: options["broker-uid"], dataPlaneUid: options["data-plane-uid"], group: options.group },
      ownUid,
    );
    if (typeof accounts === "string") return { cannotRun: accounts };
    const data = resolve(options.data ?? defaultDataFolder(ownUid, process.env));
    const folders = prepareFolders(data, accounts);
    if (typeof folders === "string") return { cannotRun: folders };
    const log = openLog({
      write: (line) => io.err.write(line),
      nowMs: io.nowMs,
      level: options["log-level"],
      fields: { process: "gateway" },
    });
    // From here on processes run, and whatever comes they are ended.
    const supervisor = startSupervisor({
      config: resolve(options.config),
      folders,
      workers: read.workers,
      accounts,
      sessionsMax: read.sessions,
      trailWaitMs: TRAIL_WAIT_MS,
      logLevel: options["log-level"],
      environment: process.env,
      ownUid,
      log,
      nowMs: io.nowMs,
    });
    const told = signals();
    const problem = await serve(supervisor, read, { io, log, caPath: folders.caPath }, told);
    if (problem === undefined) io.err.write("sallyport: ending; a second signal ends sessions at once\n");
    const stopped = supervisor.stop(problem === undefined ? read.graceMs : 0);
    void told.second.then(() => supervisor.stop(0));
    await stopped;
    return problem === undefined ? 0 : { cannotRun: problem };
  },
});

interface Numbers {
  readonly workers: number;
  readonly sessions: number;
  readonly graceMs: number;
  readonly metrics: { readonly host: string; readonly port: number } | undefined;
}

interface GivenNumbers {
  readonly workers: string | undefined;
  readonly sessions: string | undefined;
  readonly grace: string | undefined;
  readonly metrics: string | undefined;
}

function readNumbers({ workers, sessions, grace, metrics }: GivenNumbers): Numbers | string {
  const own = Math.min(availableParallelism(), WORKERS_MAX);
  const read = {
    workers: wholeNumber(workers, own, 1, WORKERS_MAX),
    sessions: wholeNumber(sessions, SESSIONS_DEFAULT, 1, 100_000),
    grace: wholeNumber(grace, GRACE_SECONDS_DEFAULT, 0, 86_400),
    metrics: metrics === undefined ? undefined : readAddress(metrics),
  };
  if (read.workers === undefined) return `--workers N: a whole number from 1 to ${WORKERS_MAX}`;
  if (read.sessions === undefined) return "--sessions N: a whole number from 1 to 100000";
  if (read.grace === undefined) return "--grace SECONDS: a whole number from 0 to 86400";
  if (metrics !== undefined && read.metrics === undefined)
    return "--metrics HOST:PORT: as in 127.0.0.1:9464 or [::1]:9464";
  return {
    workers: read.workers,
    sessions: read.sessions,
    graceMs: read.grace * 1_000,
    metrics: read.metrics,
  };
}

function wholeNumber(text: string | undefined, absent: number, min: number, max: number): number | undefined {
  if (text === undefined) return absent;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function readAddress(text: string): { readonly host: string; readonly port: number } | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65_535 ? undefined : { host, port };
}

interface Surroundings {
  readonly io: Io;
  readonly log: Log;
  readonly caPath: string;
}

/** Until the first signal. In words: why it cannot serve. */
async function serve(
  supervisor: Supervisor,
  { metrics }: Numbers,
  surroundings: Surroundings,
  told: Signals,
): Promise<string | undefined> {
  const observed = await observe(supervisor, metrics, surroundings.log);
  if (typeof observed === "string") return observed;
  await using _page = observed;
  const ready = await Promise.race([supervisor.ready, told.first]);
  if (ready === "told") return undefined;
  if (typeof ready === "string") return ready;
  announce(ready, observed, surroundings);
  await told.first;
  return undefined;
}

async function observe(
  supervisor: Supervisor,
  where: Numbers["metrics"],
  log: Log,
): Promise<Observability | undefined | string> {
  if (where === undefined) return undefined;
  try {
    return await serveObservability({
      ...where,
      notReady: () => supervisor.notReady(),
      metrics: () => supervisor.metrics.page(),
      onError: (error) => log.error("health listener failed", { error: String(error) }),
    });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return `--metrics ${where.host}:${where.port} cannot be listened on: ${error.message}`;
  }
}

function announce(
  listeners: readonly OpenListener[],
  page: Observability | undefined,
  { io, caPath }: Surroundings,
): void {
  for (const listener of listeners) io.out.write(`ready  ${readyLine(listener, caPath)}\n`);
  if (page !== undefined) io.out.write(`health http://${page.host}:${page.port}/readyz\n`);
}

interface Signals {
  readonly first: Promise<"told">;
  readonly second: Promise<void>;
}

function signals(): Signals {
  const first = Promise.withResolvers<"told">();
  const second = Promise.withResolvers<void>();
  let count = 0;
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => {
      count += 1;
      if (count === 1) first.resolve("told");
      else second.resolve();
    });
  return { first: first.promise, second: second.promise };
}
