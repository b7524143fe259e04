/** What the replicas of the broker report, summed up. A replica that has not been heard of lately is taken to apply nothing. */
import {
  type CredentialFinding,
  decodeReport,
  KEYS_FINDINGS,
  REPORT_OVER_MS,
  REPORT_STALE_MS,
  type Report,
} from "../broker/report.ts";
import type { KeysFinding } from "#broker/identity/keys.ts";
import type { Clock } from "../kube/clock.ts";
import { type Trigger } from "../kube/controller.ts";
import { type Lease, type ObjectKey, type OwnKind, keyOf } from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";

export interface Enforcement {
  /** Gateways that apply this version, of those that it concerns. */
  readonly applied: number;
  readonly concerned: number;
  /** Replicas of the broker; 0 when none has reported. */
  readonly replicas: number;
  /** Those that have not come to this version, or have not been heard of lately. */
  readonly behind: number;
}

export interface Reports {
  enforcementOf(uid: string, generation: number): Enforcement;
  /** The worst that any replica has found; undefined when none has looked at this version. */
  credentialOf(uid: string, generation: number): CredentialFinding | undefined;
  /** Likewise, of the keys of an identity provider. */
  keysOf(uid: string, generation: number): KeysFinding | undefined;
  /** To how many classes of gateways it is closed at the replica where there are most, since their plans have no room for it. */
  leftOutOf(uid: string, generation: number): number;
  /** After which time alone may have changed what is said here; undefined when nobody reports. */
  readonly againAfterMs: number | undefined;
  /** Objects of the store of which something else is reported now. */
  affected(objects: StoreView<OwnKind>): Trigger;
}

interface Heard {
  readonly report: Report;
  readonly atMs: number;
}

/** Nobody's clock but ours counts: from when we first saw a report as it is. */
export function watchReports(
  leases: StoreView<Lease>,
  clock: Pick<Clock, "monotonicMs">,
): Reports & Disposable {
  const heard = new Map<ObjectKey, Heard>();
  const listeners = new Set<(uids: ReadonlySet<string>) => void>();
  const take = (key: ObjectKey, lease: Lease | undefined): void => {
    const before = heard.get(key)?.report;
    const report = lease === undefined ? undefined : decodeReport(lease);
    if (report === undefined) heard.delete(key);
    else heard.set(key, { report, atMs: clock.monotonicMs() });
    const uids = changedBetween(before, report);
    if (uids.size > 0) for (const listener of listeners) listener(uids);
  };
  for (const lease of leases.list()) take(keyOf(lease), lease);
  const stop = leases.onChange(({ key, now }) => take(key, now));
  const present = (): readonly (Heard & { readonly isStale: boolean })[] => {
    const nowMs = clock.monotonicMs();
    return [...heard.values()]
      .map((one) => ({ ...one, isStale: nowMs - one.atMs >= REPORT_STALE_MS }))
      .filter(({ atMs }) => nowMs - atMs < REPORT_OVER_MS);
  };
  return {
    enforcementOf: (uid, generation) => sumOf(present(), uid, generation),
    credentialOf: (uid, generation) => worstOf(present(), uid, generation),
    keysOf: (uid, generation) => worstKeysOf(present(), uid, generation),
    leftOutOf: (uid, generation) =>
      Math.max(
        0,
        ...present().map(({ report, isStale }) => {
          const said = report.leftOut.get(uid);
          return isStale || said?.generation !== generation ? 0 : said.classes;
        }),
      ),
    get againAfterMs() {
      return heard.size === 0 ? undefined : REPORT_STALE_MS;
    },
    affected: (objects) => ({
      synced: (signal) => leases.synced(signal),
      all: () => [],
      subscribe(enqueue) {
        const listener = (uids: ReadonlySet<string>): void => {
          for (const object of objects.list())
            if (uids.has(object.metadata.uid ?? "")) enqueue(keyOf(object));
        };
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    }),
    [Symbol.dispose]: stop,
  };
}

function sumOf(
  present: readonly (Heard & { readonly isStale: boolean })[],
  uid: string,
  generation: number,
): Enforcement {
  let [applied, concerned, behind] = [0, 0, 0];
  for (const { report, isStale } of present) {
    const said = report.policies.get(uid);
    concerned += said?.concerned ?? 0;
    if (isStale || said?.generation !== generation) behind += 1;
    else applied += said.applied;
  }
  return { applied, concerned, replicas: present.length, behind };
}

/** From bad to good. */
const WORST_FIRST = [
  "not-permitted",
  "missing",
  "unusable",
  "unavailable",
  "available",
] as const satisfies readonly CredentialFinding[];

function worstOf(
  present: readonly (Heard & { readonly isStale: boolean })[],
  uid: string,
  generation: number,
): CredentialFinding | undefined {
  const findings = new Set(
    present.flatMap(({ report, isStale }) => {
      const said = report.credentials.get(uid);
      return isStale || said?.generation !== generation ? [] : [said.finding];
    }),
  );
  return WORST_FIRST.find((finding) => findings.has(finding));
}

function worstKeysOf(
  present: readonly (Heard & { readonly isStale: boolean })[],
  uid: string,
  generation: number,
): KeysFinding | undefined {
  const findings = present.flatMap(({ report, isStale }) => {
    const said = report.keys.get(uid);
    return isStale || said?.generation !== generation ? [] : [said.finding];
  });
  return KEYS_FINDINGS.findLast((finding) => findings.includes(finding));
}

function changedBetween(before: Report | undefined, now: Report | undefined): ReadonlySet<string> {
  const uids = new Set<string>();
  for (const part of ["policies", "credentials", "keys", "leftOut"] as const) {
    const [old, fresh] = [before?.[part], now?.[part]];
    for (const uid of new Set([...(old?.keys() ?? []), ...(fresh?.keys() ?? [])]))
      if (JSON.stringify(old?.get(uid)) !== JSON.stringify(fresh?.get(uid))) uids.add(uid);
  }
  return uids;
}
