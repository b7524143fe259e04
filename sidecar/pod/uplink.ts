/** The way to the broker from a pod: mutual TLS, with a certificate that the pod's own token and key are exchanged for. */
import { randomBytes } from "node:crypto";
import { isIP } from "node:net";
import { join } from "node:path";
import type { Log } from "#runtime/log.ts";
import { openEnrolment } from "../uplink/tls/enrolment.ts";
import { openReplicas } from "../uplink/tls/replicas.ts";
import { tlsCarrier } from "../uplink/tls/tls-carrier.ts";
import { Uplink } from "../uplink/uplink.ts";
import { PATHS } from "./paths.ts";
import { absolute } from "./resolving.ts";
import type { PodSettings } from "./settings.ts";

/** Beside the port: where a pod gets its certificate, by a name that it has no certificate for yet. */
const ENROL_PORT = 8444;
const RUN_BYTES = 16;

/**
 * The service without an address of its own, which names the replicas one by one: a connection beside another has to lead to the
 * same replica. The chart calls it so.
 */
export function replicasOf(host: string): string {
  const [service = "", ...rest] = host.split(".");
  return isIP(host) === 0 ? absolute([`${service}-replicas`, ...rest].join(".")) : host;
}

export function uplinkOf({ pod, broker, resolvers }: PodSettings, log: Log): Uplink {
  const { host, port } = broker;
  const [chance, nowMs] = [Math.random, Date.now];
  const enrolment = openEnrolment({
    serverName: host,
    port: ENROL_PORT,
    tokenPath: join(PATHS.token, "token"),
    authorityPath: join(PATHS.token, "ca.pem"),
    stateDirectory: PATHS.state,
    nowMs,
  });
  const replicas = openReplicas({ host: replicasOf(host), resolvers, chance });
  return new Uplink({
    carrier: tlsCarrier({ replicas, enrolment, serverName: host, port, nowMs, chance }),
    worker: pod.uid,
    run: randomBytes(RUN_BYTES).toString("base64url"),
    log,
    chance,
  });
}
