/** The operator as one replica: each serves admission, and one of them leads. */
import { X509Certificate } from "node:crypto";
import { Registry } from "prom-client";
import { errorFields, type Log } from "#runtime/log.ts";
import { type Observability, serveObservability } from "#runtime/observability.ts";
import { ownerFacts } from "../admission/facts/owners.ts";
import { type RegistryFacts, registryFacts } from "../admission/facts/registry.ts";
import { namespaceFacts } from "../admission/facts/namespaces.ts";
import { writerFacts } from "../admission/facts/writers.ts";
import { admissionMeters } from "../admission/server/meters.ts";
import { type AdmissionServer, type ServingCertificate, serveAdmission } from "../admission/server/server.ts";
import { ClusterUnavailable, type Webhook, type WebhookName } from "../admission/server/webhook.ts";
import { webhooks } from "../admission/webhooks/table.ts";
import { type Authority, openAuthority } from "../authority/authority.ts";
import { trusts } from "../authority/bundle.ts";
import { guardKey } from "../authority/guard.ts";
import { ownerOf } from "../authority/owner.ts";
import type { Address, OperatorSettings, WebhookConfiguration } from "../config/settings.ts";
import { type DesiredWatch, watchDesired } from "../desired/watch.ts";
import type { Access } from "../kube/access.ts";
import { type Kube, openKube } from "../kube/client.ts";
import { isEnforced } from "../reconcile/namespace-plan.ts";
import { type Clock, pause, systemClock } from "../kube/clock.ts";
import { type EventRecorder, openEventRecorder } from "../kube/events.ts";
import { type Election, runElection } from "../kube/lease.ts";
import { type KubeMeters, kubeMeters } from "../kube/metrics.ts";
import { type CallersFile, followCallersFile } from "./callers.ts";
import { eventually } from "./eventually.ts";
import { lead } from "./leading.ts";
import { type ProcessMeters, processMeters } from "./meters.ts";
import { apiAudiences } from "./api-audiences.ts";
import { newerRenderings, withResolvers } from "./newer.ts";
import { clusterResolvers } from "./resolvers.ts";
import { type Stores, openStores } from "./stores.ts";

export interface OperatorOptions {
  readonly settings: OperatorSettings;
  readonly kubeConfig: Access;
  /** Of this process and no other. */
  readonly identity: string;
  readonly log: Log;
  /** For certificates and for what guards the webhook configurations. */
  readonly clock?: Clock;
}

export interface Operator extends AsyncDisposable {
  readonly observability: Address;
  /** Resolves when reviews are answered; whether they should be sent here, `/readyz` says. */
  readonly serving: Promise<Address>;
  notReady(): readonly string[];
  /** Unready at once, and gone when API servers have had time to see it. The signal makes it hurry. */
  stop(hurry: AbortSignal): Promise<void>;
}

/** Resolves when `/livez` answers. Everything else comes as the API server lets it. */
export async function startOperator(options: OperatorOptions): Promise<Operator> {
  const replica = new Replica(options);
  await replica.observe();
  return replica;
}

class Replica implements Operator {
  readonly serving: Promise<Address>;
  readonly #options: OperatorOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #ended = new AbortController();
  readonly #resigned = new AbortController();
  readonly #registry = new Registry();
  readonly #kube: Kube;
  readonly #meters: { readonly kube: KubeMeters; readonly process: ProcessMeters };
  readonly #events: EventRecorder;
  readonly #stores: Stores;
  readonly #desired: DesiredWatch;
  readonly #controllers: RegistryFacts;
  readonly #callers: CallersFile | undefined;
  #observability: Observability | undefined;
  #authority: Authority | undefined;
  #admission: AdmissionServer | undefined;
  #election: Election | undefined;
  #isStopping = false;

  constructor(options: OperatorOptions) {
    const { settings, kubeConfig, identity, log, clock = systemClock } = options;
    const { signal } = this.#ended;
    const { configurations, clientCertificate } = settings.webhook;
    this.#options = options;
    this.#clock = clock;
    this.#log = log;
    this.#kube = openKube(kubeConfig, { userAgent: "sallyport-operator" });
    this.#callers =
      clientCertificate === undefined
        ? undefined
        : followCallersFile(clientCertificate.caFile, { clock: systemClock, log, signal });
    this.#events = openEventRecorder({
      kube: this.#kube,
      controller: "sallyport.dev/operator",
      instance: identity,
      log,
      signal,
    });
    this.#meters = {
      kube: kubeMeters(this.#registry),
      process: processMeters(this.#registry, configurations, {
        isIntact: (configuration) => this.#isIntact(configuration),
        certificateEndsMs: () => this.#certificateEndsMs(),
        eventsDropped: () => this.#events.dropped,
      }),
    };
    this.#meters.kube.leading(() => this.#election?.isHeld() ?? false);
    this.#stores = openStores(configurations, { kube: this.#kube, meters: this.#meters.kube, log, signal });
    this.#desired = watchDesired({
      stores: this.#stores.kinds,
      onError: (error) => log.error("the kinds cannot be read", errorFields(error)),
    });
    this.#controllers = controllersIn(this.#stores, settings.namespace);
    this.serving = this.#serve();
    this.serving.catch((error: unknown) => {
      if (!signal.aborted) log.error("admission cannot be served", errorFields(error));
    });
  }

  get observability(): Address {
    if (this.#observability === undefined) throw new TypeError("observe() comes first");
    return this.#observability;
  }

  async observe(): Promise<void> {
    const registry = this.#registry;
    this.#observability = await serveObservability({
      ...this.#options.settings.observability,
      notReady: () => this.notReady(),
      metrics: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
      onError: (error) => this.#log.error("health listener failed", errorFields(error)),
    });
  }

  notReady(): readonly string[] {
    if (this.#isStopping) return ["shutting down"];
    const { namespaces, kinds } = this.#stores;
    const unread = [namespaces.store, kinds.Connection, kinds.WorkloadController].filter(
      ({ hasSynced }) => !hasSynced,
    );
    const certificate = this.#authority === undefined ? undefined : this.#authority.notReady();
    return [
      ...unread.map(({ name }) => `${name} have not been read from the API server yet`),
      ...(this.#authority === undefined ? ["there is no certificate to serve with yet"] : []),
      ...(certificate === undefined ? [] : [certificate]),
      ...(this.#admission === undefined ? ["reviews are not answered yet"] : []),
    ];
  }

  async stop(hurry: AbortSignal): Promise<void> {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#log.info("stopping");
    this.#admission?.drain();
    // Somebody else may lead from now on, while reviews that were sent here are still answered.
    this.#resigned.abort();
    await this.#election?.ended;
    await pause(systemClock, this.#options.settings.drainSeconds * 1_000, hurry);
    await this.#admission?.[Symbol.asyncDispose]();
    this.#ended.abort();
    // It may have been about to begin.
    await this.serving.catch(() => undefined);
    await this.#admission?.[Symbol.asyncDispose]();
    await Promise.all([this.#authority?.ended, this.#election?.ended, this.#events.settled()]);
    await this.#observability?.[Symbol.asyncDispose]();
    this.#desired[Symbol.dispose]();
    this.#kube[Symbol.dispose]();
    this.#log.info("stopped");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop(AbortSignal.abort());
  }

  async #serve(): Promise<Address> {
    const { settings, log } = this.#options;
    const { signal } = this.#ended;
    const trying = { clock: systemClock, log, signal };
    const [judges] = await Promise.all([
      eventually("find the name servers of gateways", () => this.#webhooks(), trying),
      // Whether our certificate is trusted cannot be said before.
      ...this.#stores.configurations.map(({ store }) => store.synced(signal)),
    ]);
    const authority = await eventually("keep a certificate authority", () => this.#openAuthority(), trying);
    this.#authority = authority;
    for (const { store } of this.#stores.configurations) store.onChange(() => authority.reconsider());
    const names = settings.webhook.clientCertificate?.commonNames;
    const admission = await serveAdmission({
      listen: settings.webhook.listen,
      certificate: this.#certificate(authority),
      ...(names === undefined ? {} : { callers: names }),
      webhooks: judges,
      meters: admissionMeters(this.#registry),
      log,
    });
    const renew = (): void => admission.use(this.#certificate(authority));
    authority.onChange(renew);
    this.#callers?.onChange(renew);
    this.#admission = admission;
    this.#election = this.#elect(authority);
    log.info("answering reviews", { host: admission.host, port: admission.port });
    return { host: admission.host, port: admission.port };
  }

  async #webhooks(): Promise<Readonly<Record<WebhookName, Webhook>>> {
    const { injection, namespace, configMap } = this.#options.settings;
    const { signal } = this.#ended;
    const { namespaces, kinds } = this.#stores;
    const named = injection.resolvers;
    const resolvers = named.length > 0 ? named : await clusterResolvers(this.#kube, { signal });
    return webhooks({
      kinds,
      attribution: {
        registry: () => this.#controllers.registry(),
        owners: ownerFacts(this.#kube),
        nowMs: () => this.#clock.wallMs(),
      },
      settings: {
        ...injection,
        resolvers,
        // Those were looked up too, in the same Service.
        former: (injection.former ?? []).map((one) => withResolvers(one, resolvers)),
        apiAudiences: await apiAudiences(),
      },
      newer: newerRenderings({
        kube: this.#kube,
        configMap: configMap === undefined ? undefined : { namespace, name: configMap },
        resolvers,
        clock: this.#clock,
        log: this.#options.log,
        signal,
      }),
      namespaces: namespaceFacts({
        kube: this.#kube,
        store: namespaces.store,
        isFollowing: () => namespaces.store.hasSynced && namespaces.reflector.isConnected,
        rootless: injection.rootless,
      }),
      writers: writerFacts({
        kube: this.#kube,
        namespaces: () => {
          if (!kinds.Connection.hasSynced) throw new ClusterUnavailable("Connections have not been read yet");
          return new Set(kinds.Connection.list().map(({ metadata }) => metadata.namespace ?? ""));
        },
        signal,
      }),
    });
  }

  async #openAuthority(): Promise<Authority> {
    const { settings, log } = this.#options;
    const { namespace, webhook } = settings;
    const { signal } = this.#ended;
    return openAuthority({
      kube: this.#kube,
      secret: {
        namespace,
        name: webhook.authoritySecret,
        owner: await ownerOf(this.#kube, webhook.owner, { signal }),
      },
      names: webhook.names,
      configurations: () => this.#configurations(),
      clock: this.#clock,
      log,
      signal,
    });
  }

  #elect(authority: Authority): Election {
    const { settings, identity, log } = this.#options;
    return runElection({
      kube: this.#kube,
      namespace: settings.namespace,
      name: settings.lease,
      identity,
      lead: (term) =>
        lead(
          {
            settings,
            kube: this.#kube,
            stores: this.#stores,
            desired: this.#desired,
            authority,
            registry: () => this.#controllers.registry(),
            events: this.#events,
            meters: this.#meters.kube,
            onRestored: this.#meters.process.restored,
            clock: this.#clock,
            log,
          },
          term,
        ),
      log,
      signal: this.#resigned.signal,
    });
  }

  /** Empty as long as one of them is missing: then this replica is not called by it, whatever it serves with. */
  #configurations(): readonly WebhookConfiguration[] {
    const found = this.#stores.configurations.flatMap(({ store }) => store.list());
    return found.length === this.#options.settings.webhook.configurations.length ? found : [];
  }

  #isIntact(configuration: WebhookConfiguration): boolean {
    const key = guardKey(configuration);
    const found = this.#stores.configurations
      .flatMap(({ store }) => store.list())
      .find((each) => guardKey(each) === key);
    if (found === undefined || this.#authority === undefined) return false;
    const isClosed = found.webhooks.every(({ failurePolicy }) => failurePolicy === "Fail");
    return isClosed && trusts(found, this.#authority.signer.certificatePem);
  }

  #certificate({ certificate }: Authority): ServingCertificate {
    return { ...certificate, ...(this.#callers === undefined ? {} : { callersCaPem: this.#callers.pem }) };
  }

  #certificateEndsMs(): number | undefined {
    if (this.#authority === undefined) return undefined;
    return new X509Certificate(this.#authority.certificate.certificatePem).validToDate.getTime();
  }
}

function controllersIn({ namespaces, kinds }: Stores, systemNamespace: string): RegistryFacts {
  return registryFacts({
    controllers: kinds.WorkloadController,
    isEnforced: (name) => {
      const namespace = namespaces.store.get(name);
      return namespace !== undefined && isEnforced(namespace, { systemNamespace });
    },
  });
}
