/** What people who run a broker may see and end, whichever door they come through. */
import type { SessionReport } from "#core/port/port.ts";
import { refusal } from "#core/values/refusal.ts";
import type { Broker, BrokerStatus } from "../broker.ts";
import type { PodName } from "../pods/pods.ts";
import type { Trail } from "../trail/trail.ts";

export interface Administered {
  readonly broker: Pick<Broker, "status" | "revoke">;
  readonly trail: Pick<Trail, "health">;
  /** What is wrong and may be mended while it runs, one thing a line. */
  readonly missing: () => readonly string[];
}

export interface AdminStatus extends Omit<BrokerStatus, "workers" | "problems"> {
  readonly missing: readonly string[];
  readonly trail: Trail["health"];
  readonly workers: readonly {
    readonly worker: string;
    readonly pod?: PodName;
    readonly isAttached: boolean;
    readonly appliedVersion: string | undefined;
    readonly sessions: number;
  }[];
}
export interface AdminSession extends SessionReport {
  readonly worker: string;
  /** Of the data plane; absent for those of the broker's own machine. */
  readonly pod?: PodName;
}
export interface AdminSessions {
  readonly sessions: readonly AdminSession[];
}
/** Exactly one: the session's id, what `sessions` shows as its caller, or a pod's name. */
export type KillRequest =
  | { readonly session: string }
  | { readonly caller: string }
  | { readonly pod: string };
export interface Killed {
  readonly killed: readonly string[];
}

/** Every session where undefined, else those of pods of that namespace. */
export type Scope = string | undefined;

export function statusOf({ broker, trail, missing }: Administered): AdminStatus {
  const { planVersion, leases, workers: all } = broker.status();
  const workers = all.map(({ worker, pod, isAttached, appliedVersion, report }) => ({
    worker,
    ...(pod === undefined ? {} : { pod }),
    isAttached,
    appliedVersion,
    sessions: report?.sessions.length ?? 0,
  }));
  return { planVersion, leases, missing: missing(), trail: trail.health, workers };
}

export function sessionsOf({ broker }: Pick<Administered, "broker">, scope: Scope): readonly AdminSession[] {
  return broker
    .status()
    .workers.filter(({ isAttached, pod }) => isAttached && (scope === undefined || pod?.namespace === scope))
    .flatMap(({ worker, pod, report }) =>
      (report?.sessions ?? []).map((session) => ({
        ...session,
        worker,
        ...(pod === undefined ? {} : { pod }),
      })),
    );
}

export function kill(wanted: KillRequest, { broker }: Pick<Administered, "broker">, scope: Scope): Killed {
  const why = refusal("REVOKED", "an administrator ended this session");
  return { killed: idsOf(wanted, { broker }, scope).filter((session) => broker.revoke(session, why)) };
}

/** A session that a data plane has not reported yet can be ended by its id, unless only some may be ended. */
function idsOf(
  wanted: KillRequest,
  { broker }: Pick<Administered, "broker">,
  scope: Scope,
): readonly string[] {
  if ("session" in wanted && scope === undefined) return [wanted.session];
  return sessionsOf({ broker }, scope)
    .filter(({ session, caller, pod }) => {
      if ("session" in wanted) return session === wanted.session;
      if ("caller" in wanted) return caller === wanted.caller;
      return pod?.name === wanted.pod;
    })
    .map(({ session }) => session);
}

export function readKill(body: unknown): KillRequest | undefined {
  if (typeof body !== "object" || body === null || Object.keys(body).length !== 1) return undefined;
  if ("session" in body && typeof body.session === "string") return { session: body.session };
  if ("caller" in body && typeof body.caller === "string") return { caller: body.caller };
  if ("pod" in body && typeof body.pod === "string") return { pod: body.pod };
  return undefined;
}
