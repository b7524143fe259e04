/** What is wrong with a pod, and what to do next. Pure. */
import type { Diagnosis, PodGateway } from "#broker/api/people/diagnosis.ts";
import type { OwnKind, Pod } from "#operator/kube/resource.ts";
import { CONTAINERS, LABELS } from "#operator/names.ts";
import { CONDITIONS } from "#operator/reconcile/conditions.ts";
import { conditionsOf } from "#operator/reconcile/status.ts";
import type { Answers } from "../brokers.ts";
import { containersOf } from "./containers.ts";
import type { Seen } from "./seen.ts";

export interface Finding {
  readonly state: "ok" | "wrong" | "unknown";
  readonly about: string;
  readonly text: string;
  /** What to do about it: a command, or words. */
  readonly next?: string;
}

export interface Judged {
  readonly findings: readonly Finding[];
  /** Of the pod itself, at whichever replica it is connected. */
  readonly gateway: PodGateway | undefined;
}

/** In the order in which one thing depends on the other. */
export function judge(seen: Seen): Judged {
  const { pod, brokers } = seen;
  const gateways = brokers.ok ? connected(pod, brokers.value) : [];
  return {
    findings: [
      ...namespaceOf(seen),
      ...webhooksOf(seen),
      ...containersOf(seen.pod),
      ...trustIn(seen),
      ...brokerOf(seen, gateways),
      ...kindsOf(seen),
    ],
    gateway: gateways[0]?.gateway,
  };
}

const placeOf = ({ metadata: { namespace = "", name } }: Pod) => ({ namespace, name });

function namespaceOf({ pod, namespace }: Seen): readonly Finding[] {
  const about = "namespace";
  const place = placeOf(pod).namespace;
  if (!namespace.ok) return [{ state: "unknown", about, text: namespace.message }];
  if (namespace.value?.metadata.labels?.[LABELS.enforce] !== undefined)
    return [{ state: "ok", about, text: `${place} bears the label ${LABELS.enforce}` }];
  const text = `${place} does not bear the label ${LABELS.enforce}: its pods get no gateway`;
  return [{ state: "wrong", about, text, next: `kubectl label namespace ${place} ${LABELS.enforce}=` }];
}

function webhooksOf({ webhooks }: Seen): readonly Finding[] {
  const about = "admission";
  if (!webhooks.ok) return [{ state: "unknown", about, text: webhooks.message }];
  const wrong = webhooks.value
    .filter(({ isCallable }) => isCallable !== true)
    .map(({ kind, isCallable }): Finding => {
      const text =
        isCallable === undefined
          ? `there is no ${kind} sallyport: no new pod gets a gateway`
          : `the ${kind} sallyport names no authority: the API server cannot call it`;
      return { state: "wrong", about, text, next: "The operator mends it: see that it runs." };
    });
  return wrong.length > 0 ? wrong : [{ state: "ok", about, text: "the webhooks are registered" }];
}

/** Any replica has asked the API server the same. */
function trustIn({ brokers }: Seen): readonly Finding[] {
  const about = "trust";
  if (!brokers.ok) return [];
  const examined = brokers.value.answers.find(({ value }) => value.examined !== undefined)?.value.examined;
  if (examined === undefined) return [{ state: "wrong", about, text: "the brokers find no such pod" }];
  const wrong = examined.findings.map(
    ({ field, message, fix }): Finding => ({
      state: "wrong",
      about,
      text: `${field}: ${message}`,
      next: fix,
    }),
  );
  const lineage: readonly Finding[] =
    examined.lineage === undefined
      ? []
      : [{ state: "wrong", about, text: `${examined.lineage.publicText} (${examined.lineage.code})` }];
  const all = [...wrong, ...lineage];
  return all.length > 0 ? all : [{ state: "ok", about, text: "the pod is as it was admitted" }];
}

interface Connected {
  readonly replica: string;
  readonly gateway: PodGateway;
}

function connected({ metadata }: Pod, { answers }: Answers<Diagnosis>): readonly Connected[] {
  return answers.flatMap(({ replica, value }) =>
    value.gateways
      .filter(({ uid, isAttached }) => isAttached && uid === metadata.uid)
      .map((gateway) => ({ replica, gateway })),
  );
}

function brokerOf({ pod, brokers }: Seen, [first]: readonly Connected[]): readonly Finding[] {
  const about = "broker";
  const { namespace, name } = placeOf(pod);
  if (!brokers.ok) return [{ state: "unknown", about, text: brokers.message }];
  const { silent } = brokers.value;
  if (first === undefined && silent.length > 0) {
    const who = silent.map(({ replica, problem }) => `${replica} (${problem})`).join(", ");
    return [
      { state: "unknown", about, text: `its gateway may be connected to one that did not answer: ${who}` },
    ];
  }
  if (first === undefined) {
    const next = `kubectl -n ${namespace} logs ${name} -c ${CONTAINERS.gateway}`;
    return [{ state: "wrong", about, text: "its gateway is connected to none", next }];
  }
  const { replica, gateway } = first;
  if (!gateway.isApplied)
    return [
      {
        state: "wrong",
        about,
        text: `its gateway is connected to ${replica}, and has not put the newest policy in force`,
        next: "Look again in a second; if it stays so, look at the gateway's log.",
      },
    ];
  const reached: Finding =
    gateway.reaches.length > 0
      ? {
          state: "ok",
          about: "policy",
          text: gateway.reaches.map(({ namespace: in_, name: of }) => `${in_}/${of}`).join(", "),
        }
      : {
          state: "wrong",
          about: "policy",
          text: "no policy gives this pod any Connection",
          next: `Write a SecretAccessPolicy in ${namespace} whose subjects select it: kubectl explain secretaccesspolicy.spec`,
        };
  return [
    { state: "ok", about, text: `its gateway is connected to ${replica} and applies the newest policy` },
    reached,
  ];
}

function kindsOf({ kinds }: Seen): readonly Finding[] {
  if (!kinds.ok) return [{ state: "unknown", about: "kinds", text: kinds.message }];
  return kinds.value.flatMap(troublesOf);
}

/** `Ready` only repeats what another condition says better. */
function troublesOf({ kind, metadata: { namespace = "", name }, status }: OwnKind): readonly Finding[] {
  const conditions = [...conditionsOf(status)].filter(([, condition]) => condition.status !== "True");
  const [said] = [...conditions.filter(([type]) => type !== "Ready"), ...conditions];
  if (said === undefined) return [];
  const [type, { status: is, reason, message }] = said;
  const remedy = remedyOf(type, reason);
  const next = `${remedy === undefined ? "" : `${remedy} `}kubectl -n ${namespace} describe ${kind.toLowerCase()} ${name}`;
  const text = `${name}: ${type} is ${is} (${reason}): ${message}`;
  return [{ state: is === "False" ? "wrong" : "unknown", about: kind, text, next }];
}

function remedyOf(type: string, reason: string): string | undefined {
  const row = Object.entries(CONDITIONS).find(([name]) => name === type)?.[1];
  return row === undefined
    ? undefined
    : Object.entries(row.reasons).find(([name]) => name === reason)?.[1].remedy;
}
