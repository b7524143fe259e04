/** One data plane: the gateway with everything that it needs of this process. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import { createSecureContext, type SecureContext } from "node:tls";
import { ownersOfPeers } from "#runtime/local-peer.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import { metricsText } from "#runtime/metrics.ts";
import { TLS_FLOOR } from "#runtime/tls-floor.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Listener } from "../gateway/listener.ts";
import { sharing } from "../protocols/shared-reads.ts";
import { unixCarrier } from "../uplink/carrier.ts";
import { Uplink } from "../uplink/uplink.ts";
import { clientCheck } from "./client-check.ts";
import { openEngine } from "./engine.ts";
import type { ListenerSettings, WorkerSettings } from "./messages.ts";

export interface DataPlaneOptions {
  readonly settings: Omit<WorkerSettings, "logLevel">;
  /** For the worker that issued the key, whichever that is. */
  readonly passCancel: (key: Uint8Array) => void;
  readonly log: Log;
}

export interface DataPlane extends AsyncDisposable {
  readonly gateway: Pick<Gateway, "cancel" | "sessionCount" | "planVersion" | "notReady" | "drain">;
  readonly isConnected: boolean;
  update(listeners: readonly ListenerSettings[]): void;
  accept(client: Socket, listener: string): void;
  metrics(): Promise<string>;
}

const RUN_BYTES = 16;
const HELD_ROWS_BYTES_MAX = 256 * 1024 * 1024;

export function openDataPlane({ settings, passCancel, log }: DataPlaneOptions): DataPlane {
  const { worker, trailWaitMs, sessionsMax } = settings;
  const uplink = new Uplink({
    carrier: unixCarrier(settings.portPath),
    worker: String(worker),
    run: randomBytes(RUN_BYTES).toString("base64url"),
    log,
    chance: Math.random,
  });
  const mayConnect = clientCheck(ownersOfPeers());
  const engine = openEngine({
    worker,
    uplink,
    trailWaitMs,
    heldRowsBytesMax: HELD_ROWS_BYTES_MAX,
    sessionsMax,
    passCancel,
    mayConnect,
    log,
  });
  const { gateway } = engine;
  const certificates = openCertificates(log);
  return {
    gateway,
    get isConnected() {
      return uplink.state === "connected";
    },
    update: (listeners) => gateway.update(certificates.apply(listeners)),
    accept: (client, listener) => {
      client.setNoDelay(true);
      client.setKeepAlive(true);
      gateway.accept(sharing(client), listener);
    },
    metrics: () => metricsText(engine.registry),
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}

/** A certificate that cannot be used leaves the one before in force. */
function openCertificates(log: Log) {
  const inForce = new Map<string, SecureContext>();
  const contextOf = ({ name, tls }: ListenerSettings): SecureContext | undefined => {
    if (tls === undefined) inForce.delete(name);
    else {
      try {
        const key = Buffer.from(tls.keyPem);
        inForce.set(name, createSecureContext({ cert: tls.certificatePem, key, ...TLS_FLOOR }));
        key.fill(0);
      } catch (error) {
        log.error("certificate cannot be used", { listener: name, ...errorFields(error) });
      }
      tls.keyPem.fill(0);
    }
    return inForce.get(name);
  };
  const listenerOf = (settings: ListenerSettings): Listener => {
    const { name, connection, protocol, identity, onlyUid } = settings;
    const greeting = { listener: name, identity, tls: contextOf(settings) };
    return { name, connection, protocol, onlyUid, greeting };
  };
  return {
    apply: (listeners: readonly ListenerSettings[]): readonly Listener[] => listeners.map(listenerOf),
  };
}
