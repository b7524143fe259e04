/** The Lease object that says which key speaks for a pod and who was above it: how it is written, and read again. */
import { createHash } from "node:crypto";
import { agentsAbove } from "#broker/lineage/lineage.ts";
import type { PodClaim, PodPin } from "#broker/pods/pods.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { areAncestors } from "#core/policy/whole-facts.ts";
import { GROUP } from "#operator/names.ts";
import { isRecord } from "../kube/error.ts";
import type { Lease } from "../kube/resource.ts";

const RECORD = `${GROUP}/record`;
const PIN = "pin";
export const SELECTOR = `${RECORD}=${PIN}`;
const ANNOTATIONS = {
  keyHash: `${GROUP}/key-sha256`,
  bootId: `${GROUP}/node-boot-id`,
  restarts: `${GROUP}/gateway-restarts`,
  claim: `${GROUP}/pod`,
  lineage: `${GROUP}/lineage`,
  adoptable: `${GROUP}/adoptable`,
} as const;
/** For people and `kubectl get leases -L`; nothing reads them. */
const COLUMNS = {
  generation: `${GROUP}/generation`,
  parent: `${GROUP}/parent`,
  root: `${GROUP}/root`,
} as const;

export interface Pinned extends PodPin {
  readonly above: readonly Ancestor[] | undefined;
  /** They may be others tomorrow. */
  readonly isAdoptable: boolean;
  readonly bootId: string;
  readonly restarts: number;
}

/** What the API server gives to objects. */
export const UID = /^[0-9a-f-]{1,63}$/;

export function nameOf(uid: string): string {
  // A pod's uid is a name already; anything else would be somebody's invention, and is still only one name.
  return UID.test(uid) ? `pod-${uid}` : `pod-x${createHash("sha256").update(uid).digest("hex")}`;
}

export interface Written extends Required<Pick<Lease["metadata"], "labels" | "annotations">> {
  readonly spec: { readonly holderIdentity: string };
}

export function written({ claim, keyHash, bootId, restarts, above, isAdoptable }: Pinned): Written {
  return {
    spec: { holderIdentity: `${claim.namespace}/${claim.name}` },
    labels: { [RECORD]: PIN, ...columnsOf(above) },
    annotations: {
      [ANNOTATIONS.keyHash]: keyHash,
      [ANNOTATIONS.bootId]: bootId,
      [ANNOTATIONS.restarts]: String(restarts),
      [ANNOTATIONS.claim]: JSON.stringify(claim),
      ...(above === undefined ? {} : { [ANNOTATIONS.lineage]: JSON.stringify(above) }),
      ...(isAdoptable ? { [ANNOTATIONS.adoptable]: "true" } : {}),
    },
  };
}

function columnsOf(ancestors: readonly Ancestor[] | undefined): Readonly<Record<string, string>> {
  if (ancestors === undefined) return {};
  const agents = agentsAbove(ancestors);
  const [parent] = agents;
  const root = ancestors.at(-1)?.kind;
  return {
    [COLUMNS.generation]: String(agents.length),
    ...(parent === undefined ? {} : { [COLUMNS.parent]: parent.uid }),
    ...(root === undefined || root === "agent" ? {} : { [COLUMNS.root]: root }),
  };
}

/** Undefined for what is not as we write it: then nobody speaks for the pod. */
export function readPin({ metadata: { annotations = {} } }: Lease): Pinned | undefined {
  const keyHash = annotations[ANNOTATIONS.keyHash];
  const bootId = annotations[ANNOTATIONS.bootId];
  const restarts = Number(annotations[ANNOTATIONS.restarts] ?? Number.NaN);
  const claim = readClaim(annotations[ANNOTATIONS.claim]);
  if (keyHash === undefined || bootId === undefined || claim === undefined || !Number.isInteger(restarts))
    return undefined;
  const ancestors = readAncestors(annotations[ANNOTATIONS.lineage]);
  const isAdoptable = annotations[ANNOTATIONS.adoptable] !== undefined;
  return { claim, keyHash, bootId, restarts, isAdoptable, above: ancestors };
}

const CLAIM_MEMBERS = [
  "uid",
  "name",
  "namespace",
  "serviceAccount",
  "serviceAccountUid",
  "nodeName",
  "nodeUid",
  "credential",
] as const satisfies readonly (keyof PodClaim)[];

function readAncestors(text: string | undefined): readonly Ancestor[] | undefined {
  const json = readJson(text);
  return areAncestors(json) ? json : undefined;
}

function readJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "") as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return undefined;
  }
}

function readClaim(text: string | undefined): PodClaim | undefined {
  const json = readJson(text);
  if (!isRecord(json) || CLAIM_MEMBERS.some((member) => typeof json[member] !== "string")) return undefined;
  return json as unknown as PodClaim;
}
