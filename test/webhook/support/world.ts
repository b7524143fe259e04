/**
 * Sallyport's chart on a real API server, with operators of this process behind its webhooks. They have the rights of the chart's service account
 * and no others. Policies are not bound, so that what is refused was refused by a webhook.
 */
import { type KubeConfig, AdmissionregistrationV1Api } from "@kubernetes/client-node";
import type { OperatorSettings, WebhookConfiguration } from "#operator/config/settings.ts";
import { CONFIGURATION_RESOURCES } from "#operator/authority/guard.ts";
import { type Kube, openKube } from "#operator/kube/client.ts";
import type { Clock } from "#operator/kube/clock.ts";
import type { Resource } from "#operator/kube/resource.ts";
import { type Operator, startOperator } from "#operator/process/operator.ts";
import { type Log, openLog } from "#runtime/log.ts";
import { installedSettings } from "#test/chart/support/agents.ts";
import { VALUES, install } from "#test/chart/support/cluster.ts";
import { NAMESPACE } from "#test/chart/support/helm.ts";
import { type ApiTier, type ApiTierOptions, startApiTier } from "#tools/cluster/api-tier.ts";
import { type Balancer, openBalancer } from "./balancer.ts";

export const forever = new AbortController().signal;

export interface World extends AsyncDisposable {
  readonly api: ApiTier;
  /** The administrator's. */
  readonly kube: Kube;
  readonly balancer: Balancer;
  /** The chart's, with the webhooks at the balancer. */
  readonly settings: OperatorSettings;
  readonly operatorConfig: KubeConfig;
  /** Ended with the world, or before by the test. */
  replica(options?: ReplicaOptions): Promise<Replica>;
  /** A namespace that is enforced. */
  enforced(labels?: Readonly<Record<string, string>>): Promise<string>;
}

export interface ReplicaOptions {
  readonly clock?: Clock;
  readonly settings?: Partial<OperatorSettings>;
}

export interface Replica {
  readonly operator: Operator;
  readonly health: string;
  /** At once, and with it whatever it is doing. */
  stop(): Promise<void>;
  /** As it does when it is told to end: a Service takes it out as soon as it is not ready. */
  leave(): Promise<void>;
  logged(): string;
  metrics(): Promise<string>;
}

export async function startWorld(options: ApiTierOptions = {}): Promise<World> {
  await using started = new AsyncDisposableStack();
  const api = started.use(await startApiTier(options));
  const balancer = started.use(await openBalancer());
  await install(api, VALUES);
  const kube = started.use(openKube(api.config));
  await unbindPolicies(api.config);
  const settings = atAddress(await installedSettings(api.config), `https://127.0.0.1:${balancer.port}`);
  for (const each of settings.webhook.configurations) await put(kube, each);
  const operatorConfig = await api.asServiceAccount(NAMESPACE, "sallyport-operator");
  const replicas = started.use(new AsyncDisposableStack());
  const owned = started.move();
  let count = 0;
  return {
    api,
    kube,
    balancer,
    settings,
    operatorConfig,
    async replica(options = {}) {
      count += 1;
      const replica = await startReplica(`replica-${count}`, { settings, operatorConfig, balancer }, options);
      replicas.defer(() => replica.stop());
      return replica;
    },
    enforced: (labels = {}) => api.namespace({ "sallyport.dev/enforce": "", ...labels }),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** As it was at the start, whatever a test has done to it. */
export async function put(kube: Kube, configuration: WebhookConfiguration): Promise<void> {
  const resource = CONFIGURATION_RESOURCES[configuration.kind] as Resource<WebhookConfiguration>;
  await kube.delete(resource, configuration.metadata.name, { signal: forever });
  await kube.create(resource, configuration, { signal: forever });
}

export async function configurationNow(
  kube: Kube,
  { kind, metadata }: WebhookConfiguration,
): Promise<WebhookConfiguration> {
  const resource = CONFIGURATION_RESOURCES[kind] as Resource<WebhookConfiguration>;
  const found = await kube.get(resource, metadata.name, { signal: forever });
  if (found === undefined) throw new Error(`${kind} ${metadata.name} is not there`);
  return found;
}

/** Long, since a machine under load takes its time; what is waited for comes or the test has found something. */
const UNTIL_MS = 40_000;

/** Polls until there is an answer. */
export async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const endMs = Date.now() + UNTIL_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > endMs) throw new Error(`not within ${UNTIL_MS} ms: ${what}`);
    await new Promise((resume) => setTimeout(resume, 25));
  }
}

export const ready = (replica: Replica): Promise<true> =>
  until("the replica is ready", () => (replica.operator.notReady().length === 0 ? true : undefined)).catch(
    (error: unknown) => {
      throw new Error([...replica.operator.notReady(), replica.logged()].join("\n"), { cause: error });
    },
  );

/** The same webhooks elsewhere: there are no Services where no proxy runs. */
export function atAddress(
  settings: OperatorSettings,
  url: string,
  listen = { host: "127.0.0.1", port: 0 },
): OperatorSettings {
  const configurations = settings.webhook.configurations.map((configuration) => ({
    ...configuration,
    webhooks: configuration.webhooks.map((webhook) => {
      const { service } = webhook.clientConfig as { readonly service: { readonly path: string } };
      return { ...webhook, clientConfig: { url: url + service.path } };
    }),
  }));
  return {
    ...settings,
    logLevel: "debug",
    drainSeconds: 0,
    webhook: { ...settings.webhook, listen, names: ["127.0.0.1"], configurations },
    observability: { host: "127.0.0.1", port: 0 },
  };
}

async function unbindPolicies(config: KubeConfig): Promise<void> {
  await config.makeApiClient(AdmissionregistrationV1Api).deleteCollectionValidatingAdmissionPolicyBinding();
}

async function startReplica(
  identity: string,
  { settings, operatorConfig, balancer }: Pick<World, "settings" | "operatorConfig" | "balancer">,
  options: ReplicaOptions,
): Promise<Replica> {
  const lines: string[] = [];
  const log: Log = openLog({ write: (line) => lines.push(line), nowMs: Date.now, level: "debug" });
  const operator = await startOperator({
    settings: { ...settings, ...options.settings },
    kubeConfig: operatorConfig,
    identity,
    log,
    ...(options.clock === undefined ? {} : { clock: options.clock }),
  });
  const { port: healthPort } = operator.observability;
  const health = `http://127.0.0.1:${healthPort}`;
  const { port } = await within(operator.serving, () => lines.join(""));
  const backend = { port, isReady: () => operator.notReady().length === 0 };
  balancer.backends.add(backend);
  return {
    operator,
    health,
    logged: () => lines.join(""),
    metrics: async () => (await fetch(`${health}/metrics`)).text(),
    stop: async () => {
      await operator[Symbol.asyncDispose]();
      balancer.backends.delete(backend);
    },
    leave: async () => {
      await operator.stop(forever);
      balancer.backends.delete(backend);
    },
  };
}

/** An operator waits for its API server as long as it takes; a test does not. */
async function within<T>(promise: Promise<T>, story: () => string): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(new Error(`does not serve after 30 s:\n${story()}`)), 30_000);
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
