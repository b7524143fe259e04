/**
 * What a gateway has refused for want of something, told on its pod, where people look first. What is refused is in an agent's hand,
 * and so is how often: a pod has a few events, the cluster a few each second, and nothing but metadata is in them.
 */
import type { WorkerStatus } from "#broker/broker.ts";
import type { RefusedReport } from "#core/port/port.ts";
import { type RefusalCode, refusal } from "#core/values/refusal.ts";
import type { Happening } from "../kube/events.ts";

/** Refusals that somebody who keeps the pod can do something about. A rule that refuses a statement does what it is there for. */
const TOLD: ReadonlySet<RefusalCode> = new Set<RefusalCode>([
  "DESTINATION_UNKNOWN",
  "DESTINATION_AMBIGUOUS",
  "DENY_NO_POLICY",
  "DENY_POLICY_INVALID",
  "CREDENTIAL_UNAVAILABLE",
  "CREDENTIAL_REFUSED",
  "UPSTREAM_UNREACHABLE",
  "UPSTREAM_UNTRUSTED",
  "CLIENT_TLS_REQUIRED",
]);

/** Of one pod, within the time; whatever else it was refused is told as one more. */
const NAMED_MAX = 5;
const NAMED_MS = 10 * 60_000;
/** Older ones, of a gateway that has come over from another replica, were told there. */
const FRESH_MS = 60_000;
const ABOUT_CHARS_MAX = 200;
/** Of this replica, for all pods together. */
const BURST = 100;
const EVERY_MS = 200;

export interface RefusalTellerOptions {
  readonly record: (happening: Happening) => void;
  readonly nowMs: () => number;
}

export interface RefusalTeller {
  /** All of them, each time. */
  look(workers: readonly WorkerStatus[]): void;
  /** Happenings that were too many. */
  readonly untold: number;
}

interface OfPod {
  /** What was reported last, by what it is about: when it was refused last. */
  seen: ReadonlyMap<string, number>;
  named: Set<string>;
  namedSinceMs: number;
}

export function refusalTeller({ record, nowMs }: RefusalTellerOptions): RefusalTeller {
  let pods = new Map<string, OfPod>();
  let left = BURST;
  let atMs = nowMs();
  let untold = 0;

  function mayTell(now: number): boolean {
    left = Math.min(BURST, left + (now - atMs) / EVERY_MS);
    atMs = now;
    if (left < 1) {
      untold += 1;
      return false;
    }
    left -= 1;
    return true;
  }

  return {
    get untold() {
      return untold;
    },
    look(workers) {
      const now = nowMs();
      const kept = new Map<string, OfPod>();
      for (const { pod, report } of workers) {
        if (pod === undefined || report?.refused === undefined) continue;
        const known = pods.get(pod.uid) ?? { seen: new Map(), named: new Set(), namedSinceMs: now };
        if (now - known.namedSinceMs >= NAMED_MS)
          Object.assign(known, { named: new Set(), namedSinceMs: now });
        const told = report.refused.filter(({ code }) => TOLD.has(code));
        for (const each of told.toReversed()) {
          const before = known.seen.get(keyOf(each)) ?? now - FRESH_MS;
          if (each.atMs > before && mayTell(now)) record(happeningOf(pod, each, known.named));
        }
        known.seen = new Map(told.map((each) => [keyOf(each), each.atMs]));
        kept.set(pod.uid, known);
      }
      pods = kept;
    },
  };
}

function happeningOf(
  pod: NonNullable<WorkerStatus["pod"]>,
  refused: RefusedReport,
  named: Set<string>,
): Happening {
  const { uid, namespace, name } = pod;
  const key = keyOf(refused);
  const isNamed = named.has(key) || named.size < NAMED_MAX;
  if (isNamed) named.add(key);
  const { publicText } = refusal(refused.code);
  const what = isNamed
    ? `${shown(refused.about)}: ${publicText} (${refused.code})`
    : "more was refused than is told here";
  return {
    regarding: { apiVersion: "v1", kind: "Pod", metadata: { uid, namespace, name } },
    type: "Warning",
    reason: "ConnectionRefused",
    action: "Connect",
    note: `${what}. Ask: kubectl sallyport diagnose -n ${namespace} ${name}`,
  };
}

function keyOf({ about, code }: RefusedReport): string {
  return `${code} ${about}`;
}

/** An agent chose the words. */
function shown(about: string): string {
  return about.slice(0, ABOUT_CHARS_MAX).replaceAll(/[^\x20-\x7e]/g, "?");
}
