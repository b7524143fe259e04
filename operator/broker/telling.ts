/** Looks through what gateways report, and tells the events of it. */
import type { Broker } from "#broker/broker.ts";
import type { Log } from "#runtime/log.ts";
import type { Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { openEventRecorder } from "../kube/events.ts";
import { refusalTeller } from "./refusal-events.ts";

export interface TellingOptions {
  readonly kube: Kube;
  /** Of the replica. */
  readonly name: string;
  readonly broker: Pick<Broker, "status">;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

/** As often as gateways report. */
const LOOK_EVERY_MS = 2_000;

/** Resolves when the signal has ended it. */
export async function keepTelling(options: TellingOptions): Promise<void> {
  const { kube, name, broker, clock, log, signal } = options;
  const events = openEventRecorder({
    kube,
    controller: "sallyport.dev/broker",
    instance: name,
    clock,
    log,
    signal,
  });
  const teller = refusalTeller({
    record: (happening) => events.record(happening),
    nowMs: () => clock.wallMs(),
  });
  while (await pause(clock, LOOK_EVERY_MS, signal)) teller.look(broker.status().workers);
  await events.settled();
}
