/** What a replica knows of one pod: whether it would be given anything, and how its gateway is. */
import type { ConnectionView, RefusedReport } from "#core/port/port.ts";
import type { Broker, PodWorker } from "../../broker.ts";
import type { PodName } from "../../pods/pods.ts";
import type { Examined, People } from "./people.ts";

export interface Reachable {
  readonly namespace: string;
  readonly name: string;
  /** As agents write it: `host:port`. */
  readonly at: readonly string[];
}
export interface PodGateway {
  readonly uid: string;
  readonly isAttached: boolean;
  /** Whether what it has put in force is the newest of what concerns it. */
  readonly isApplied: boolean;
  readonly sessions: number;
  /** Newest first. */
  readonly refused: readonly RefusedReport[];
  readonly reaches: readonly Reachable[];
}
export interface Diagnosis {
  /** Absent when there is no such pod. */
  readonly examined?: Examined;
  /** Those that this replica knows of: it may be another's. */
  readonly gateways: readonly PodGateway[];
}

export interface DiagnosisDeps {
  readonly broker: Pick<Broker, "ofPod">;
  readonly people: Pick<People, "examine">;
}

export async function diagnosisOf(
  pod: PodName,
  { broker, people }: DiagnosisDeps,
  signal: AbortSignal,
): Promise<Diagnosis> {
  const examined = await people.examine(pod, signal);
  return { ...(examined === undefined ? {} : { examined }), gateways: broker.ofPod(pod).map(gatewayOf) };
}

function gatewayOf({ pod, isAttached, appliedVersion, report, wanted }: PodWorker): PodGateway {
  return {
    uid: pod?.uid ?? "",
    isAttached,
    isApplied: wanted !== undefined && appliedVersion === wanted.version,
    sessions: report?.sessions.length ?? 0,
    refused: report?.refused ?? [],
    reaches: (wanted?.connections ?? []).map(reachable),
  };
}

function reachable({ metadata: { namespace = "", name }, spec }: ConnectionView): Reachable {
  const { address, reachedAs = [] } = spec;
  const places = [address, ...reachedAs.map(({ host, port = address.port }) => ({ host, port }))];
  return { namespace, name, at: places.map(({ host, port }) => `${host}:${port}`) };
}
