/** One replica's report, kept up to date: at once when it says something else, and now and then so that it is not taken for dead. */
import type { Broker } from "#broker/broker.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Desired } from "../desired/desired.ts";
import type { Kube } from "../kube/client.ts";
import { type Clock, pause } from "../kube/clock.ts";
import { isAlreadyThere, isConflict, isNotFound } from "../kube/error.ts";
import { type Lease, LEASES, keyOf, objectKey } from "../kube/resource.ts";
import type { Credentials } from "./credentials.ts";
import {
  type CredentialReport,
  encodeReport,
  type KeysReport,
  type LeftOutReport,
  type PolicyReport,
  RECORD_LABEL,
  REPORT,
  REPORT_EVERY_MS,
  REPORT_OVER_MS,
  REPORT_SELECTOR,
  type Report,
} from "./report.ts";

export interface ReportingOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update" | "delete" | "list">;
  readonly namespace: string;
  /** Of the replica. */
  readonly name: string;
  readonly broker: Pick<Broker, "enforcement" | "providerKeys" | "leftOut">;
  readonly credentials: Pick<Credentials, "findingOf">;
  readonly inForce: () => Desired | undefined;
  readonly clock: Clock;
  readonly log: Log;
  readonly signal: AbortSignal;
}

const LOOK_EVERY_MS = 250;
const SWEEP_EVERY_MS = 60_000;
const DEADLINE_MS = 5_000;

/** Resolves when the signal has ended it. The report goes with its replica. */
export async function keepReporting(options: ReportingOptions): Promise<void> {
  const { clock, log, signal } = options;
  let written: { readonly text: string; readonly atMs: number; readonly lease: Lease } | undefined;
  let sweptMs = clock.monotonicMs();
  while (await pause(clock, LOOK_EVERY_MS, signal)) {
    const annotations = encodeReport(reportOf(options));
    const text = JSON.stringify(annotations);
    const nowMs = clock.monotonicMs();
    const isDue = written === undefined || nowMs - written.atMs >= REPORT_EVERY_MS || written.text !== text;
    try {
      if (isDue) written = { text, atMs: nowMs, lease: await write(options, annotations, written?.lease) };
      if (nowMs - sweptMs >= SWEEP_EVERY_MS) {
        sweptMs = nowMs;
        await sweep(options);
      }
    } catch (error) {
      if (signal.aborted) break;
      // Whatever stands there is read first the next time.
      written = undefined;
      if (!isAlreadyThere(error) && !isConflict(error) && !isNotFound(error))
        log.warn("the report could not be written", errorFields(error));
    }
  }
  await withdraw(options);
}

export function reportOf({ broker, credentials, inForce }: ReportingOptions): Report {
  const desired = inForce();
  const enforced = broker.enforcement();
  const policies = new Map<string, PolicyReport>();
  const found = new Map<string, CredentialReport>();
  for (const { origin } of desired?.loaded.policies ?? []) {
    const generation = desired?.standings.get(origin)?.generation;
    const { applied = 0, concerned = 0 } = enforced.get(origin) ?? {};
    if (generation !== undefined) policies.set(origin, { generation, applied, concerned });
  }
  for (const connection of desired?.loaded.connections ?? []) {
    const uid = desired?.connectionUids.get(connection) ?? "";
    const generation = desired?.standings.get(uid)?.generation;
    const finding = credentials.findingOf(connection);
    if (generation !== undefined && finding !== undefined) found.set(uid, { generation, finding });
  }
  const { keys, leftOut } = besides(desired, broker);
  return { policies, credentials: found, keys, leftOut };
}

function besides(
  desired: Desired | undefined,
  broker: Pick<Broker, "providerKeys" | "leftOut">,
): Pick<Report, "keys" | "leftOut"> {
  const generationOf = (uid: string): number | undefined => desired?.standings.get(uid)?.generation;
  const keys = new Map<string, KeysReport>();
  const findings = broker.providerKeys();
  for (const [provider, uid] of desired?.providerUids ?? []) {
    const [generation, finding] = [generationOf(uid), findings.get(provider.metadata.name)];
    if (generation !== undefined && finding !== undefined) keys.set(uid, { generation, finding });
  }
  const leftOut = new Map<string, LeftOutReport>();
  const { connections, policies } = broker.leftOut();
  const add = (uid: string, classes: number | undefined): void => {
    const generation = generationOf(uid);
    if (generation !== undefined && classes !== undefined) leftOut.set(uid, { generation, classes });
  };
  for (const [{ metadata }, uid] of desired?.connectionUids ?? [])
    add(uid, connections.get(objectKey(metadata.namespace ?? "", metadata.name)));
  for (const [origin, classes] of policies) add(origin, classes);
  return { keys, leftOut };
}

async function write(
  { kube, namespace, name, clock, signal }: ReportingOptions,
  annotations: Readonly<Record<string, string>>,
  before: Lease | undefined,
): Promise<Lease> {
  const call = { signal, deadlineMs: DEADLINE_MS };
  const there = before ?? (await kube.get(LEASES, objectKey(namespace, nameOf(name)), call));
  const renewTime = new Date(clock.wallMs()).toISOString().replace("Z", "000Z");
  const spec = { holderIdentity: name, renewTime };
  const labels = { [RECORD_LABEL]: REPORT };
  if (there === undefined)
    return kube.create(
      LEASES,
      { metadata: { name: nameOf(name), namespace, labels, annotations }, spec },
      call,
    );
  return kube.update(LEASES, { ...there, metadata: { ...there.metadata, labels, annotations }, spec }, call);
}

/** Of replicas that were not told to end. */
async function sweep({ kube, namespace, clock, signal }: ReportingOptions): Promise<void> {
  const call = { signal, deadlineMs: DEADLINE_MS };
  const { items } = await kube.list(LEASES, { namespace, labelSelector: REPORT_SELECTOR, ...call });
  for (const lease of items) {
    const writtenMs = Date.parse(lease.spec?.renewTime ?? "");
    const { uid, resourceVersion } = lease.metadata;
    if (clock.wallMs() - writtenMs < REPORT_OVER_MS || uid === undefined || resourceVersion === undefined)
      continue;
    await kube.delete(LEASES, keyOf(lease), { ...call, uid, resourceVersion });
  }
}

async function withdraw({ kube, namespace, name, log }: ReportingOptions): Promise<void> {
  try {
    const call = { signal: AbortSignal.timeout(DEADLINE_MS), deadlineMs: DEADLINE_MS };
    await kube.delete(LEASES, objectKey(namespace, nameOf(name)), call);
  } catch (error) {
    log.warn("the report could not be withdrawn; it is out of date soon", errorFields(error));
  }
}

function nameOf(replica: string): string {
  return `report-${replica}`;
}
