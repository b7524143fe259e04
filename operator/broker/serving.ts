/** What gateways reach: the port that they keep a connection to, and the one where they are enrolled. */
import { admitPods } from "#broker/api/admit.ts";
import { enrolRoute } from "#broker/api/enrol-route.ts";
import { type GateLimits, PORT_LIMITS } from "#broker/api/gate.ts";
import { peopleRoutes } from "#broker/api/people/routes.ts";
import { type Routes, serveHttps } from "#broker/api/serve-https.ts";
import { serveTlsPort } from "#broker/api/serve-tls.ts";
import { type BrokerAuthority, openAuthority } from "#broker/authority/authority.ts";
import { tokenRoutes } from "#broker/api/token-endpoint/routes.ts";
import type { Broker } from "#broker/broker.ts";
import type { BrokerMeters } from "#broker/meters.ts";
import type { Note } from "#broker/note.ts";
import { podPeer } from "#broker/pods/peer.ts";
import type { Trail } from "#broker/trail/trail.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { refusal } from "#core/values/refusal.ts";
import type { Address } from "../config/settings.ts";
import { systemClock } from "../kube/clock.ts";
import { eventually } from "../process/eventually.ts";
import type { ClusterSide } from "./cluster-side.ts";
import { watchCredentials } from "./credentials.ts";
import { feedBroker } from "./feed.ts";
import { type AdoptionsOptions, recheckAdoptions } from "./lineage/adoptions.ts";
import { onPodEnds } from "./pod-ends.ts";
import { kubernetesPeople } from "./people.ts";
import { keepTelling } from "./telling.ts";
import { publishAuthority } from "./publishing.ts";
import { keepReporting } from "./reporting.ts";
import type { ClusterSettings } from "./settings.ts";

export interface ServingOptions {
  readonly settings: ClusterSettings;
  readonly side: ClusterSide;
  /** Of the replica. */
  readonly name: string;
  readonly broker: Broker;
  readonly trail: Pick<Trail, "say" | "health">;
  /** Of the whole replica. */
  readonly missing: () => readonly string[];
  readonly meters: BrokerMeters;
  readonly note: Note;
  readonly log: Log;
}

export interface Serving extends AsyncDisposable {
  readonly gateways: Address;
  readonly requests: Address;
  readonly authority: BrokerAuthority;
  /** What is missing until somebody can be served as shall be. */
  missing(): readonly string[];
}

const REQUEST_LIMITS: GateLimits = { ...PORT_LIMITS, loopbackShare: 16 };

/** Resolves when gateways are answered; the API server is waited for. */
export async function serveGateways(options: ServingOptions, stop: AbortSignal): Promise<Serving> {
  const { settings, side, broker, note, log } = options;
  const { cluster, desired, kube, pods } = side;
  const { namespace, names } = settings;
  const ended = new AbortController();
  const signal = AbortSignal.any([stop, side.signal, ended.signal]);
  const now = Date.now;
  await using opened = new AsyncDisposableStack();
  const feed = feedBroker({
    kube,
    desired,
    broker,
    systemNamespace: namespace,
    apiServerPem: () => side.apiServerPem(),
    clock: systemClock,
    log,
    signal,
  });
  const inForce = () => feed.inForce;
  const running = { clock: systemClock, log, signal };
  const credentials = watchCredentials({ secrets: cluster, inForce, ...running });
  const { name } = options;
  const telling = keepTelling({ kube, name, broker, ...running });
  opened.defer(() => telling);
  const reporting = keepReporting({ kube, namespace, name, broker, credentials, inForce, ...running });
  opened.defer(() => reporting);
  tellOfEnds(pods, { broker, ...running }, opened);
  opened.defer(() => ended.abort(new Error("gateways are served no more")));
  const authority = await eventually(
    "keep a certificate authority",
    () => openAuthority({ store: side.authorities, names, now, note, signal }),
    { clock: systemClock, log, signal },
  );
  publishAuthority({ kube, namespace, authority, clock: systemClock, log, signal }).catch((error: unknown) =>
    log.error("the broker's certificate authority is not published", errorFields(error)),
  );
  const gateways = opened.use(
    await serveTlsPort({
      ...settings.gateways,
      authority,
      admit: admitPods(cluster, ({ claim, ancestors }, { address, expiresMs }) =>
        broker.attach(podPeer({ cluster, claim, ancestors, address, expiresMs })),
      ),
      note,
      now,
    }),
  );
  const requests = opened.use(
    await serveHttps({
      ...settings.requests,
      authority,
      limits: REQUEST_LIMITS,
      routes: routesOf(options, authority, now),
      note,
      now,
    }),
  );
  log.info("gateways are answered", { gateways: gateways.port, requests: requests.port });
  const kept = opened.move();
  return {
    gateways: { host: gateways.host, port: gateways.port },
    requests: { host: requests.host, port: requests.port },
    authority,
    missing: () => (feed.inForce === undefined ? ["the kinds have not been brought into force yet"] : []),
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** Of pods, and of pods' belonging to somebody. */
function tellOfEnds(
  pods: ClusterSide["pods"],
  options: AdoptionsOptions & { readonly broker: Broker },
  opened: AsyncDisposableStack,
): void {
  const adoptions = recheckAdoptions(options);
  opened.defer(() => adoptions);
  opened.defer(onPodEnds(pods, (uid) => options.broker.endPod(uid, refusal("POD_ENDED"))));
}

function routesOf(
  { settings, side: { cluster, kube }, broker, trail, missing, meters, note }: ServingOptions,
  authority: BrokerAuthority,
  now: () => number,
): readonly Routes[] {
  const people = kubernetesPeople({ kube, examine: cluster.examine, nowMs: now });
  return [
    enrolRoute({ cluster, authority, note, meters }),
    peopleRoutes({ broker, trail, missing, people, note }),
    tokenRoutes({ broker, cluster, authority, trail, issuer: issuerOf(settings), note, now }),
  ];
}

/** The same at every replica: what stands before all of them, by the name that the chart gives it. */
function issuerOf({ namespace, requests }: ClusterSettings): string {
  return `https://sallyport-broker.${namespace}.svc:${requests.port}`;
}
