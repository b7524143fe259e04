/** Keeps the status of the objects of one of our kinds true. Which conditions there are, the kind's own judge says. */
import type { DesiredWatch, KindInCluster } from "../desired/watch.ts";
import type { Kube } from "../kube/client.ts";
import type { Clock } from "../kube/clock.ts";
import type { Plan, Reconciler } from "../kube/controller.ts";
import { isNotFound } from "../kube/error.ts";
import type { EventRecorder } from "../kube/events.ts";
import { keyOf, type Namespace, type OwnKind, type Resource } from "../kube/resource.ts";
import type { StoreView } from "../kube/store.ts";
import type { JudgeConditions, KindWorld } from "./kind-world.ts";
import { isEnforced } from "./namespace-plan.ts";
import type { Owner } from "./owned.ts";
import type { Registration } from "./registration.ts";
import type { Reports } from "./reports.ts";
import { changeOf, enforcedByIn, type Notice, noticesOf, type WrittenCondition } from "./status.ts";

export interface KindOptions {
  readonly kind: KindInCluster;
  readonly resource: Resource<OwnKind>;
  readonly store: StoreView<OwnKind>;
  readonly desired: DesiredWatch;
  readonly namespaces: StoreView<Namespace>;
  readonly owner: Pick<Owner, "systemNamespace">;
  readonly judge: JudgeConditions;
  readonly registered: (object: OwnKind, signal: AbortSignal) => Promise<Registration | undefined>;
  readonly reports: Reports;
  readonly kube: Kube;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
}

export interface WriteStatus {
  readonly object: OwnKind;
  readonly conditions: readonly WrittenCondition[];
  readonly enforcedBy: string | undefined;
  readonly notices: readonly Notice[];
}

export function kindReconciler(options: KindOptions): Reconciler<KindWorld, WriteStatus> {
  const {
    kind,
    resource,
    store,
    desired,
    namespaces,
    owner,
    judge,
    reports,
    kube,
    events,
    clock,
    registered,
  } = options;
  return {
    name: kind,
    async observe(key, signal) {
      const { standings, relations } = await desired.fresh(signal);
      const object = store.get(key);
      const { uid = "", deletionTimestamp } = object?.metadata ?? {};
      const standing = standings.get(uid);
      // Changed since that reading: its own change brings it here again.
      if (object === undefined || standing === undefined || deletionTimestamp !== undefined) return undefined;
      if (standing.generation !== object.metadata.generation) return undefined;
      const namespace = namespaces.get(object.metadata.namespace ?? "");
      return {
        object,
        standing,
        isInEnforcedNamespace: namespace !== undefined && isEnforced(namespace, owner),
        selects: relations.selects.get(uid),
        selectedBy: relations.selectedBy.get(key),
        closedBy: relations.closedBy.get(key),
        enforcement: reports.enforcementOf(uid, standing.generation ?? 0),
        credential: reports.credentialOf(uid, standing.generation ?? 0),
        registration: kind === "WorkloadController" ? await registered(object, signal) : undefined,
        keys: reports.keysOf(uid, standing.generation ?? 0),
        leftOut: reports.leftOutOf(uid, standing.generation ?? 0),
        nowMs: clock.wallMs(),
      };
    },
    plan: (world) => {
      const { actions, againAfterMs } = planStatus(world, judge);
      const soonest = Math.min(againAfterMs ?? Infinity, reports.againAfterMs ?? Infinity);
      return { actions, againAfterMs: Number.isFinite(soonest) ? soonest : undefined };
    },
    async apply({ object, conditions, enforcedBy, notices }, signal) {
      const observedGeneration = object.metadata.generation;
      try {
        const status = {
          observedGeneration,
          conditions,
          ...(enforcedBy === undefined ? {} : { enforcedBy }),
        };
        await kube.applyStatus(resource, keyOf(object), status, { signal, force: true });
      } catch (error) {
        // Deleted in the meantime; nobody is left to be told.
        if (isNotFound(error)) return;
        throw error;
      }
      for (const notice of notices) events.record({ regarding: object, ...notice });
    },
  };
}

/** A timer of Node ends at about 24 days; the next look sets the next one. */
const LOOK_AGAIN_MS_MAX = 24 * 3_600_000;

export function planStatus(world: KindWorld, judge: JudgeConditions): Plan<WriteStatus> {
  const { object, nowMs } = world;
  const { findings, enforcedBy, changesAtMs } = judge(world);
  const { conditions, turns, isSame } = changeOf(object.status, findings, object.metadata.generation, nowMs);
  const isNothing = isSame && enforcedByIn(object.status) === enforcedBy;
  return {
    actions: isNothing ? [] : [{ object, conditions, enforcedBy, notices: noticesOf(turns) }],
    againAfterMs: changesAtMs === undefined ? undefined : Math.min(changesAtMs - nowMs, LOOK_AGAIN_MS_MAX),
  };
}
