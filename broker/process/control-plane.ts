/** One broker with everything that it needs of this process: its files, its trail, its sockets. */
import { join } from "node:path";
import { type Watched, watchFolder } from "#runtime/watch.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { serveAdmin } from "../api/admin.ts";
import { type PortServer, servePort } from "../api/serve.ts";
import { type Broker, createBroker } from "../broker.ts";
import { brokerIdentifier } from "../identifier.ts";
import type { Note } from "../note.ts";
import type { Revoking } from "../revoking/asked.ts";
import { openRevocations } from "../revoking/files.ts";
import type { Disk } from "../trail/disk.ts";
import { openTrail } from "../trail/file-trail.ts";
import { directoryKeyring } from "../trail/keyring.ts";
import type { Trail } from "../trail/trail.ts";
import { type Folder, folderReader } from "./folder.ts";
import { type GatewayPlan, gatewayPlan } from "./gateway-kind.ts";
import type { BrokerSettings, ListenerPlan } from "./messages.ts";
import { type BrokerMetrics, openBrokerMeters, openBrokerMetrics } from "./metrics.ts";
import { noteIn } from "./notes.ts";

export interface ControlPlaneOptions {
  readonly settings: Omit<BrokerSettings, "logLevel">;
  /** `process.env`: variables that hold secrets are taken out of it as they are read. */
  readonly variables: Record<string, string | undefined>;
  readonly disk: Disk;
  readonly log: Log;
  readonly onListeners: (listeners: readonly ListenerPlan[]) => void;
  /** Of the broker itself, for tests that cannot wait as long as people can. */
  readonly leaseMs?: number;
  readonly lingerMs?: number;
}

export interface ControlPlane extends AsyncDisposable {
  readonly name: string;
  readonly broker: Broker;
  readonly trail: Trail;
  /** What is wrong and may be mended while it runs, one thing a line. */
  missing(): readonly string[];
  metrics(): Promise<string>;
}

/** It cannot run as things are; the message is for the person who can change them. */
export class CannotRun extends Error {
  override readonly name = "CannotRun";
}

export async function openControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { settings, disk, log, variables } = options;
  const note = noteIn(log);
  // First of all, since nothing else makes sense without it, and its faults are the likeliest.
  const revocations = await openRevocations(join(settings.state, "broker", "revocations"), disk, Date.now);
  const reader = folderReader(settings.config, revocations.directory);
  const first = firstReading(reader.read(), settings.config);
  await using opened = new AsyncDisposableStack();
  const name = await brokerIdentifier(join(settings.state, "broker"), disk);
  const places = {
    directory: join(settings.state, "trail"),
    keyring: directoryKeyring(disk, join(settings.state, "keys")),
  };
  const trail = opened.use(await openTrail({ ...places, disk, broker: name, nowMs: Date.now, note }));
  const counted = openBrokerMeters();
  const broker = opened.use(
    await createBroker({
      ...options,
      meters: counted.meters,
      broker: name,
      directory: join(settings.state, "broker"),
      trail,
      variables,
      now: Date.now,
      note,
    }),
  );
  const files = new ConfigInForce(broker, options, first);
  const watched = await watch(settings.config, reader.read, files, opened, log);
  opened.use(await servePortOf(broker, settings, note));
  const missing = (): readonly string[] => [...files.problems(), ...trailProblem(trail)];
  const revoking: Revoking = {
    revocations,
    providers: () => files.providers,
    callerOf: (session) => broker.callerOf(session),
    inForce: () => watched.look(),
    lifting: (guardrail, by) => broker.lifting(guardrail, by),
  };
  opened.use(await serveAdmin({ path: settings.adminPath, broker, trail, missing, revoking, note }));
  const metrics: BrokerMetrics = openBrokerMetrics(broker, trail, missing, counted);
  const kept = opened.move();
  return {
    name,
    broker,
    trail,
    missing,
    metrics: () => metrics.text(),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

interface FirstReading {
  readonly folder: Folder;
  readonly gateway: GatewayPlan;
}

function firstReading(folder: Folder, directory: string): FirstReading {
  const unread = folder.files.find((file) => file.path === directory && "problem" in file);
  if (unread !== undefined && "problem" in unread) {
    const who = process.getuid === undefined ? "" : ` by uid ${process.getuid()}, as which the broker runs`;
    throw new CannotRun(`${directory} cannot be read${who}: ${unread.problem}`);
  }
  const gateway = gatewayPlan(folder.loaded, directory);
  if (typeof gateway === "string") throw new CannotRun(gateway);
  return { folder, gateway };
}

/** What of the files is in force. A Gateway that is gone or broken leaves the listeners that there were. */
class ConfigInForce {
  readonly #broker: Broker;
  readonly #options: ControlPlaneOptions;
  #gateway: GatewayPlan;
  #problems: readonly string[] = [];
  #providers: readonly string[] = [];
  #said = "";

  constructor(broker: Broker, options: ControlPlaneOptions, { gateway }: FirstReading) {
    this.#broker = broker;
    this.#options = options;
    this.#gateway = gateway;
  }

  apply(folder: Folder): void {
    const { settings, log, onListeners } = this.#options;
    const { loaded, authorities } = folder;
    const gateway = gatewayPlan(loaded, settings.config);
    if (typeof gateway !== "string") this.#gateway = gateway;
    const errors = loaded.diagnostics.filter(({ severity }) => severity === "error");
    const { identities, listeners } = this.#gateway;
    const { planVersion } = this.#broker.update({ loaded, listeners: identities, authorities });
    this.#providers = loaded.identityProviders.map(({ metadata }) => metadata.name);
    const lost = Object.keys(identities).filter((name) => !listeners.some((one) => one.name === name));
    this.#problems = [
      ...(typeof gateway === "string" ? [gateway] : []),
      ...errors.map(({ file, line, message }) => `${file}:${line}: ${message}`),
      ...lost.map((name) => `listener ${name}: its Connection is not there`),
    ];
    log.info("configuration is in force", { planVersion, errors: errors.length });
    const text = JSON.stringify(listeners);
    if (text !== this.#said) onListeners(listeners);
    this.#said = text;
  }

  get providers(): readonly string[] {
    return this.#providers;
  }

  problems(): readonly string[] {
    const ofBroker = this.#broker.status().problems.map(({ kind, name, why }) => `${kind} ${name}: ${why}`);
    return [...this.#problems, ...ofBroker];
  }
}

async function watch(
  folder: string,
  read: () => Folder,
  files: ConfigInForce,
  opened: AsyncDisposableStack,
  log: Log,
): Promise<Watched> {
  const stop = new AbortController();
  opened.defer(() => stop.abort());
  return await watchFolder({
    folder,
    read: () => Promise.resolve(read()),
    keyOf: ({ key }) => key,
    onChange: (content) => files.apply(content),
    onError: (error) => log.error("configuration cannot be looked at", errorFields(error)),
    signal: stop.signal,
  });
}

function servePortOf(broker: Broker, { portPath, groupId }: Places, note: Note): Promise<PortServer> {
  return servePort({
    path: portPath,
    attach: () => broker.attach(),
    note,
    ...(groupId === undefined ? {} : { groupId }),
  });
}

type Places = Omit<BrokerSettings, "logLevel">;

function trailProblem({ health }: Trail): readonly string[] {
  return health.state === "ready" ? [] : [`the trail cannot be written: ${health.cause}`];
}
