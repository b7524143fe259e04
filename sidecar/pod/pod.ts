/**
 * The gateway beside the containers of a pod. Whatever they send out arrives here; what leads to a Connection that the plan knows
 * becomes a session of it, and everything else is refused in the words of whoever asked. Without a broker that is everything.
 */
import { networkInterfaces } from "node:os";
import type { RefusedReport } from "#core/port/port.ts";
import { REFUSED_PER_REPORT_MAX } from "#core/port/values.ts";
import { type Refusal, refusal } from "#core/values/refusal.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { originalDestination } from "#runtime/native/sockets.ts";
import { type Observability, serveObservability } from "#runtime/observability.ts";
import { type Sparing, openSparing } from "#runtime/sparing.ts";
import { type Engine, openEngine } from "../process/engine.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { openAuthority } from "./authority.ts";
import { type Capture, openCapture } from "./capture.ts";
import { OWN_NAME } from "./destinations.ts";
import { openDns } from "./dns.ts";
import type { Place } from "./inherited.ts";
import { type PodMeters, openMeters } from "./meters.ts";
import { openNameService } from "./names/service.ts";
import { canonical } from "./names/spelling.ts";
import { type VirtualNames, openVirtualNames } from "./names/virtual.ts";
import { type Own, openOwn } from "./own/serve.ts";
import { openWhoAmI } from "./own/who.ts";
import type { Paths } from "./paths.ts";
import { type Plane, openPlane } from "./plane.ts";
import { CAPTURE_PORT, DNS_PORT, HEALTH_PORT, isWithoutAddress } from "./ports.ts";
import { type NotedRefusal, type Refusals, openRefusals } from "./refusals.ts";
import { lookupThrough } from "./resolving.ts";
import { writeServiceAccount } from "./service-account.ts";
import type { PodSettings } from "./settings.ts";
import { readState, writeState } from "./state.ts";

export interface PodOptions {
  readonly settings: PodSettings;
  readonly paths: Paths;
  readonly place: Place;
  /** The gateway's from here on. */
  readonly uplink: Uplink;
  readonly log: Log;
  /** For tests, whose broker may take longer to start than first clients are to wait. */
  readonly planMsMax?: number;
}

export interface PodGateway {
  /** Takes no more, waits for sessions and for those that are being told, and closes. */
  stop(): Promise<void>;
}

const IPV6_LOOK_MS = 1_000;
/** A pod is one of many, and its agent one process or a few. */
const SESSIONS_MAX = 512;
/** How long an action waits for its record before it is refused. */
const TRAIL_WAIT_MS = 5_000;
/** Of the 256 MiB that the chart gives it: one row of that size may wait, or many small ones. */
const HELD_ROWS_BYTES_MAX = 32 * 1024 * 1024;
/** How long the first clients of a pod wait for its plan. Its containers start as soon as we listen. */
const PLAN_MS_MAX = 5_000;
/** An agent may try as often as it likes; the log tells of it once in a while. */
const LINE_EVERY_MS = 1_000;
/** For those that are being told; who has said nothing by then is reset. */
const DRAIN_MS_MAX = 2_000;
/** Of what a pod has by default to end, most. */
const SESSIONS_DRAIN_MS_MAX = 20_000;
const NAMES_FILE = "names.json";
const WORKER = 1;

interface Parts {
  readonly options: PodOptions;
  readonly engine: Engine;
  readonly names: VirtualNames;
  readonly plane: Plane;
  readonly meters: PodMeters;
  readonly sparing: Sparing;
  readonly onError: (error: unknown) => void;
}

export async function openPodGateway(options: PodOptions): Promise<PodGateway> {
  const { paths, place, log, planMsMax = PLAN_MS_MAX } = options;
  const { pod } = options.settings;
  const onError = (error: unknown): void => log.error("something broke", errorFields(error));
  const refusals = openRefusals(Date.now);
  const engine = engineFor(options, refusals);
  const own = ownFor(options, engine, refusals, onError);
  const names = namesOf(paths);
  const authority = openAuthority({ pod, stateFolder: paths.state, bundleFolder: paths.ca, nowMs: Date.now });
  writeServiceAccount(paths.ca, pod, authority);
  const plane = openPlane({
    gateway: engine.gateway,
    pod,
    names,
    authority,
    destination: originalDestination,
    serveOwn: (client) => own.take(client),
    onRefused: (why, where) => refusals.note(why, where),
    withoutPlan: () => withoutPlan(options.uplink),
    planMsMax,
  });
  const meters = openMeters(() => capture.openCount, options.settings.restarts);
  options.uplink.onRefused(({ code }) => meters.notWelcome(code));
  const sparing = openSparing(LINE_EVERY_MS, () => performance.now());
  const parts = { options, engine, names, plane, meters, sparing, onError };
  const capture = await captureFor(parts);
  const dns = await dnsFor(parts, capture);
  const missing: string[] = capture.addresses.length === 0 ? ["no loopback address to capture at"] : [];
  const health = await serveHealth({
    port: HEALTH_PORT,
    fd: place("::", HEALTH_PORT).fd,
    notReady: () => missing,
    metrics: async () => ({
      contentType: meters.registry.contentType,
      text: (await meters.registry.metrics()) + (await engine.registry.metrics()),
    }),
    onError,
  });
  log.info("connections of this pod are captured", {
    capture: capture.addresses.map(({ host }) => host).join(" "),
    dns: dns.hosts.join(" "),
    health: health.host,
  });
  return {
    async stop() {
      missing.push("stopping");
      plane.stopWaiting();
      const cut = setTimeout(() => capture.cut(), DRAIN_MS_MAX);
      await Promise.all([capture.drain(), engine.gateway.drain(SESSIONS_DRAIN_MS_MAX)]);
      clearTimeout(cut);
      own[Symbol.dispose]();
      await dns[Symbol.asyncDispose]();
      await engine[Symbol.asyncDispose]();
      await health[Symbol.asyncDispose]();
    },
  };
}

function engineFor({ settings, uplink, log }: PodOptions, refusals: Refusals): Engine {
  const engine = openEngine({
    worker: WORKER,
    uplink,
    sessionsMax: SESSIONS_MAX,
    trailWaitMs: TRAIL_WAIT_MS,
    heldRowsBytesMax: HELD_ROWS_BYTES_MAX,
    passCancel: (key) => engine.gateway.cancel(key),
    mayConnect: () => Promise.resolve(undefined),
    lookup: lookupThrough(settings.resolvers),
    onRefused: (why, { namespace, name }) => void refusals.note(why, `connection ${namespace}/${name}`),
    refused: () => refusals.recent().slice(0, REFUSED_PER_REPORT_MAX).map(reportOf),
    log,
  });
  return engine;
}

function reportOf({ about, count, atMs, refusal: { code } }: NotedRefusal): RefusedReport {
  return { about, code, count, atMs };
}

function ownFor(
  { settings: { pod }, uplink }: PodOptions,
  { gateway }: Engine,
  refusals: Refusals,
  onError: (error: unknown) => void,
): Own {
  const who = openWhoAmI(uplink, Date.now);
  return openOwn({
    facts: async (signal) => ({
      pod: `${pod.namespace}/${pod.name}`,
      caller: await who(signal),
      plan: gateway.plan,
      withoutPlan: withoutPlan(uplink),
      refusals,
      nowMs: Date.now(),
    }),
    onError,
  });
}

/** What the broker itself has said of this pod tells more than that there is none. */
function withoutPlan({ refused }: Uplink): Refusal {
  return refused ?? refusal("BROKER_UNAVAILABLE");
}

function namesOf({ state }: Paths): VirtualNames {
  return openVirtualNames({
    saved: JSON.parse(readState(state, NAMES_FILE) ?? "{}") as Record<string, number>,
    save: (taken) => writeState(state, NAMES_FILE, JSON.stringify(taken), 0o600),
    nowMs: Date.now,
  });
}

function captureFor({ options: { place, log }, plane, meters, sparing, onError }: Parts): Promise<Capture> {
  return openCapture({
    port: CAPTURE_PORT,
    place,
    route: (client) => plane.route(client),
    onFarewell: (farewell, why) => {
      const code = why?.code ?? "NO_DESTINATION";
      meters.farewell(farewell, code);
      const { how, spoken } = { spoken: "nothing", ...farewell };
      sparing.say(`${code} ${how} ${spoken}`, (leftOut) =>
        log.info("a connection was refused", { code, how, spoken, leftOut }),
      );
    },
    onOverload: () => {
      meters.overload();
      sparing.say("overload", (leftOut) => log.warn("too many connections at once", { leftOut }));
    },
    onError,
  });
}

function dnsFor({ options, names, plane, meters, sparing, onError }: Parts, capture: Capture) {
  const { place, log, settings } = options;
  const isCaptured = capture.addresses.some(({ host }) => host.includes(":"));
  const hasIpv6 = onceTrue(podHasIpv6, IPV6_LOOK_MS);
  const service = openNameService({
    names: async () => (await plane.routes())?.names,
    canonical: (name) => canonical(name, settings.pod.namespace),
    addressesOf: (name) => names.addressesOf(name),
    get hasIpv6() {
      return isCaptured && hasIpv6();
    },
    own: OWN_NAME,
    whyNoPlan: () => {
      const { code, publicText } = withoutPlan(options.uplink);
      return `${code}: ${publicText}`;
    },
    nowMs: () => performance.now(),
  });
  return openDns({
    port: DNS_PORT,
    place,
    answer: async (query, transport) => {
      const { outcome, answer } = await service.answer(query);
      meters.dns(transport, outcome);
      if (outcome === "laden" || outcome === "rate" || outcome === "no-plan")
        sparing.say(`dns ${outcome}`, (leftOut) =>
          log.info("a name was not looked up", { outcome, transport, leftOut }),
        );
      return answer;
    },
    onError,
  });
}

/** A link counts only when it carries, which it may do a moment after the gateway has started; looked at so often until then. */
function onceTrue(look: () => boolean, everyMs: number): () => boolean {
  let found = false;
  let lookedMs = -Infinity;
  return () => {
    if (found || performance.now() - lookedMs < everyMs) return found;
    lookedMs = performance.now();
    return (found = look());
  };
}

/** Where the pod has no address of it, connections over it do not even begin. */
function podHasIpv6(): boolean {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.some(
    ({ family, internal, address }) => family === "IPv6" && !internal && !/^fe[89ab]/i.test(address),
  );
}

/** On every address, since probes come from outside; the rules keep the pod's own containers away. */
async function serveHealth(
  options: Omit<Parameters<typeof serveObservability>[0], "host">,
): Promise<Observability> {
  try {
    return await serveObservability({ ...options, host: "::" });
  } catch (error) {
    if (!isWithoutAddress(error)) throw error;
    return serveObservability({ ...options, host: "0.0.0.0" });
  }
}
