/** What carries sessions, whoever brings it the clients: the gateway with its protocols, its record and its metrics. */
import type { Registry } from "prom-client";
import type { Log } from "#runtime/log.ts";
import { type Gateway, type GatewayOptions, openGateway } from "../gateway/gateway.ts";
import { openAnalyst } from "../statements/analyst.ts";
import { treeCharsMaxIn } from "../statements/limits.ts";
import { openMover } from "../uplink/mover.ts";
import { openRecorder } from "../uplink/recorder.ts";
import { openSender } from "../uplink/sender.ts";
import type { Uplink } from "../uplink/uplink.ts";
import { openWorkerMetrics } from "./metrics.ts";
import { openProtocols } from "./protocols.ts";

export interface EngineOptions
  extends Pick<
    GatewayOptions,
    "worker" | "passCancel" | "mayConnect" | "lookup" | "onRefused" | "refused" | "sessionsMax"
  > {
  /** The engine's from here on. */
  readonly uplink: Uplink;
  readonly trailWaitMs: number;
  /** Of all sessions together: rows that wait for a mask. Part of what the process may take. */
  readonly heldRowsBytesMax: number;
  readonly log: Log;
}

export interface Engine extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly registry: Registry;
}

export function openEngine({ uplink, trailWaitMs, heldRowsBytesMax, ...options }: EngineOptions): Engine {
  const nowMs = Date.now;
  const analyst = openAnalyst({ treeCharsMax: treeCharsMaxIn(process.constrainedMemory()) });
  const metrics = openWorkerMetrics(options.worker, {
    isConnected: () => uplink.state === "connected",
    windowFullness: () => sender.fullness,
    parser: () => analyst.stats(),
  });
  const sender = openSender({ port: metrics.measured(uplink), chance: Math.random });
  const mover = openMover({ uplink, sender, log: options.log });
  const protocols = openProtocols(analyst, heldRowsBytesMax);
  const gateway = openGateway({
    ...options,
    port: mover,
    openRecorder: (session, { digestKey }, onBroken) =>
      openRecorder({ session, digestKey, onBroken }, { sender, nowMs, trailWaitMs }),
    protocolOf: ({ protocol }) => protocols.of[protocol],
    meters: metrics.meters,
    nowMs,
  });
  return {
    gateway,
    registry: metrics.registry,
    [Symbol.asyncDispose]: async () => {
      await gateway[Symbol.asyncDispose]();
      await protocols[Symbol.asyncDispose]();
      // The last events of sessions that have just ended.
      await sender[Symbol.asyncDispose]();
      mover[Symbol.dispose]();
      await uplink[Symbol.asyncDispose]();
      await analyst[Symbol.asyncDispose]();
    },
  };
}
