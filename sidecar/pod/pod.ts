/**
 * The gateway beside the containers of a pod, in its first form: it takes whatever they send out, lets nothing through, and says
 * so in the words of whoever asked. It is what stands in every injected pod until a broker can decide.
 */
import { refusal } from "#core/values/refusal.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { type Observability, serveObservability } from "#runtime/observability.ts";
import { openCapture } from "./capture.ts";
import type { Farewell } from "./converse.ts";
import { openDns } from "./dns.ts";
import type { Place } from "./inherited.ts";
import { openMeters } from "./meters.ts";
import { CAPTURE_PORT, DNS_PORT, HEALTH_PORT, isWithoutAddress } from "./ports.ts";
import { openSparing } from "./sparing.ts";

export interface PodGateway {
  /** Takes no more, waits for those that are being told, and closes. */
  stop(): Promise<void>;
}

const WHY = refusal("BROKER_UNAVAILABLE");
/** An agent may try as often as it likes; the log tells of it once in a while. */
const LINE_EVERY_MS = 1_000;
/** For those that are being told; who has said nothing by then is reset. */
const DRAIN_MS_MAX = 2_000;

export async function openPodGateway(log: Log, place: Place): Promise<PodGateway> {
  const onError = (error: unknown): void => log.error("something broke", errorFields(error));
  const sparing = openSparing(LINE_EVERY_MS, () => performance.now());
  const meters = openMeters(() => capture.openCount);
  const onFarewell = (farewell: Farewell): void => {
    meters.farewell(farewell);
    const { how, spoken } = { spoken: "nothing", ...farewell };
    sparing.say(`${how} ${spoken}`, (leftOut) =>
      log.info("a connection was refused", { code: WHY.code, how, spoken, leftOut }),
    );
  };
  const capture = await openCapture({
    port: CAPTURE_PORT,
    place,
    refusal: WHY,
    onFarewell,
    onOverload: () => {
      meters.overload();
      sparing.say("overload", (leftOut) => log.warn("too many connections at once", { leftOut }));
    },
    onError,
  });
  const dns = await openDns({
    port: DNS_PORT,
    place,
    why: `${WHY.code}: ${WHY.publicText}`,
    onRefused: (transport) => {
      meters.dns(transport);
      sparing.say(transport, (leftOut) =>
        log.info("a name was not looked up", { code: WHY.code, transport, leftOut }),
      );
    },
    onError,
  });
  const missing: string[] = capture.addresses.length === 0 ? ["no loopback address to capture at"] : [];
  const health = await serveHealth({
    port: HEALTH_PORT,
    fd: place("::", HEALTH_PORT).fd,
    notReady: () => missing,
    metrics: async () => ({
      contentType: meters.registry.contentType,
      text: await meters.registry.metrics(),
    }),
    onError,
  });
  log.info("every connection of this pod is refused", {
    code: WHY.code,
    capture: capture.addresses.map(({ host }) => host).join(" "),
    dns: dns.hosts.join(" "),
    health: health.host,
  });
  return {
    async stop() {
      missing.push("stopping");
      const cut = setTimeout(
        () => void capture[Symbol.asyncDispose]().then(undefined, onError),
        DRAIN_MS_MAX,
      );
      await capture.drain();
      clearTimeout(cut);
      await dns[Symbol.asyncDispose]();
      await health[Symbol.asyncDispose]();
    },
  };
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
