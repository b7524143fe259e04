/** What there is to look at when a pod does not get what it should, each by the asker's own rights. */
import type { Diagnosis } from "#broker/api/people/diagnosis.ts";
import { PEOPLE_PATHS } from "#core/port/people.ts";
import type { Kube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import {
  CONNECTIONS,
  MUTATING_WEBHOOKS,
  NAMESPACES,
  type Namespace,
  type OwnKind,
  PODS,
  POLICIES,
  type Pod,
  VALIDATING_WEBHOOKS,
  objectKey,
} from "#operator/kube/resource.ts";
import type { Asked } from "../../admin/client.ts";
import type { Answers, Brokers } from "../brokers.ts";
import type { Place } from "../place.ts";

export interface Webhook {
  readonly kind: string;
  /** Undefined when there is none; otherwise whether an API server could call it. */
  readonly isCallable: boolean | undefined;
}

export interface Seen {
  readonly pod: Pod;
  readonly namespace: Asked<Namespace | undefined>;
  /** Of the namespace. */
  readonly kinds: Asked<readonly OwnKind[]>;
  readonly webhooks: Asked<readonly Webhook[]>;
  readonly brokers: Asked<Answers<Diagnosis>>;
}

/** Undefined when there is no such pod. */
export async function lookAt(
  name: string,
  { kube, namespace }: Place,
  brokers: Brokers,
  signal: AbortSignal,
): Promise<Asked<Seen | undefined>> {
  const pod = await asked(() => kube.get(PODS, objectKey(namespace, name), { signal }));
  if (!pod.ok) return pod;
  if (pod.value === undefined) return { ok: true, value: undefined };
  const search = new URLSearchParams({ namespace, name });
  const [around, kinds, webhooks, told] = await Promise.all([
    asked(() => kube.get(NAMESPACES, namespace, { signal })),
    asked(() => kindsIn(kube, namespace, signal)),
    asked(() => webhooksOf(kube, signal)),
    brokers.ask<Diagnosis>("GET", `${PEOPLE_PATHS.pod}?${search.toString()}`, signal),
  ]);
  return { ok: true, value: { pod: pod.value, namespace: around, kinds, webhooks, brokers: told } };
}

async function kindsIn(kube: Kube, namespace: string, signal: AbortSignal): Promise<readonly OwnKind[]> {
  const lists = await Promise.all(
    [CONNECTIONS, POLICIES].map((resource) => kube.list(resource, { namespace, signal })),
  );
  return lists.flatMap(({ items }) => items);
}

async function webhooksOf(kube: Kube, signal: AbortSignal): Promise<readonly Webhook[]> {
  return Promise.all(
    [MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS].map(async (resource) => {
      const found = await kube.get(resource, "sallyport", { signal });
      const callable = found?.webhooks?.every(({ clientConfig }) => (clientConfig?.caBundle ?? "") !== "");
      return { kind: resource.kind, isCallable: callable };
    }),
  );
}

/** What cannot be looked at keeps nothing else from being looked at. */
async function asked<Value>(ask: () => Promise<Value>): Promise<Asked<Value>> {
  try {
    return { ok: true, value: await ask() };
  } catch (error) {
    if (!(error instanceof KubeError)) throw error;
    return { ok: false, message: error.message };
  }
}
