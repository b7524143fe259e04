/**
 * Which stamps an object is to have: who asks for it, and whose it is. What a registered controller makes is its owner's author's;
 * everybody else makes for themselves, whatever they write about owners. Whoever changes what pods are made from becomes its author.
 */
import type { KubeObject, OwnerReference } from "../../kube/resource.ts";
import { AUTHOR, ORIGIN, RESTAMPED } from "../../names.ts";
import type { OwnerFacts } from "../facts/owners.ts";
import { type AuthorFrom, authorOf, authorStamps, NOBODY } from "./author.ts";
import { madeFrom } from "./made-from.ts";
import { isUnattributed, originOf, type UserInfo } from "./origin.ts";
import {
  type Controller,
  isBuiltIn,
  isKeeper,
  isMaker,
  type OwnerKind,
  ownerKindOf,
  type Registry,
} from "./registry.ts";
import {
  type OriginFinding,
  originFinding,
  originIn,
  type Stampable,
  type Stamps,
  stampsOn,
} from "./stamp.ts";
import { determiningChanged } from "./template.ts";

/** A pod, or an object of a stamped kind. */
export interface Made extends Stampable {
  readonly metadata?: NonNullable<Stampable["metadata"]> & {
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly OwnerReference[];
  };
}

export interface Making {
  readonly group: string;
  readonly plural: string;
  readonly namespace: string;
  readonly userInfo: UserInfo;
  readonly object: Made;
}

export interface Changing extends Making {
  readonly oldObject: Made;
  readonly determining: OwnerKind["determining"];
}

export interface AttributionOptions {
  readonly registry: () => Registry;
  readonly owners: OwnerFacts;
  readonly nowMs: () => number;
}

export type Attributed =
  | { readonly outcome: "stamps"; readonly stamps: Stamps }
  | { readonly outcome: "refused"; readonly findings: readonly OriginFinding[] };

/** On CREATE. Rejects when an owner cannot be asked for. */
export async function attributionOf(
  options: AttributionOptions,
  making: Making,
  signal: AbortSignal,
): Promise<Attributed> {
  const controller = options.registry().get(making.userInfo.username ?? "");
  const origin = requester(making.userInfo, controller);
  if (origin.outcome === "refused" || !isMaker(controller)) return origin;
  const author = await inherited(options, controller, making, signal);
  return author.outcome === "refused" ? author : stamps({ ...origin.stamps, ...author.stamps });
}

/** On UPDATE. */
export async function attributionAfter(
  options: AttributionOptions,
  changing: Changing,
  signal: AbortSignal,
): Promise<Attributed> {
  const { userInfo, object, oldObject, determining } = changing;
  const before = stampsOn(oldObject);
  const controller = options.registry().get(userInfo.username ?? "");
  // Where nobody is known, even who only starts it again answers for it from now on; and other kinds know no restart.
  const restartCounts = before[ORIGIN.user] === undefined || !isBuiltIn(changing);
  const isChanged = determiningChanged(object, oldObject, determining, { restartCounts });
  const owner = controller === undefined ? undefined : ownerOf(controller, object);
  if (controller === undefined || owner === undefined) {
    if (!isChanged || (controller !== undefined && isKeeper(controller, changing))) return stamps(before);
    const origin = requester(userInfo, controller);
    return origin.outcome === "refused" ? origin : stamps(handedOver(before, origin.stamps, options.nowMs()));
  }
  if (isChanged) return attributionOf(options, changing, signal);
  const isAdopted = controllerReference(oldObject)?.uid !== owner.reference.uid;
  if (!isAdopted && !REUSED.has(changing.plural)) return stamps(before);
  const author = await inherited(options, controller, changing, signal);
  if (author.outcome === "stamps") return stamps({ ...originIn(before), ...author.stamps });
  // An old one, which is scaled down, stays whose it was.
  return REUSED.has(changing.plural) ? stamps(before) : author;
}

/** Made once for each template, and taken up again when that comes back: they are whose their owner is by then. */
const REUSED: ReadonlySet<string> = new Set(["replicasets", "controllerrevisions"]);

function requester(userInfo: UserInfo, controller: Controller | undefined): Attributed {
  const origin = originOf(userInfo);
  if (origin.outcome === "refused")
    return refused(originFinding("metadata.annotations", origin.reason, "Ask as another user."));
  if (isUnattributed(userInfo) && controller?.mayBeUnbound !== true) return refused(UNATTRIBUTED);
  return stamps(origin.origin);
}

const UNATTRIBUTED = originFinding(
  "",
  "who asks has a service account's token that is bound to no pod, so that it cannot be told whose hands it is in",
  "Ask with the token that the pod is given, or as a user; a program outside of the cluster is registered by a WorkloadController with unboundTokens: Accepted.",
);

async function inherited(
  { registry, owners, nowMs }: AttributionOptions,
  controller: Controller,
  making: Making,
  signal: AbortSignal,
): Promise<Attributed> {
  const owner = ownerOf(controller, making.object);
  if (owner === undefined || owner.kind.isPool) return stamps(NOBODY);
  const isPod = making.group === "" && making.plural === "pods";
  if (isPod && controller.pods === "AtExchange") return stamps(AT_EXCHANGE);
  const { kind, reference } = owner;
  const found = await owners.find(kind, making.namespace, reference.name, signal);
  // Another object of the same name is another object.
  if (found === undefined || found.metadata.uid !== reference.uid)
    return refused(
      ownerFinding(`${kind.kind} ${reference.name} is not there`, "Nothing: its controller tries again."),
    );
  const source = await madeFrom(owners, { kind, owner: found }, making, nowMs(), signal);
  if (typeof source === "string")
    return refused(ownerFinding(source, "Nothing: its controller tries again."));
  return stamps(authorStamps(authorOf(stampableOf(source), registry())));
}

const AT_EXCHANGE: Stamps = { [AUTHOR.from]: "Exchange" satisfies AuthorFrom };

const ownerFinding = (message: string, fix: string): OriginFinding =>
  originFinding("metadata.ownerReferences", message, fix);

const stampableOf = ({ metadata: { annotations = {} } }: KubeObject): Stampable => ({
  metadata: { annotations },
});

function ownerOf(
  controller: Controller,
  object: Made,
): { readonly kind: OwnerKind; readonly reference: OwnerReference } | undefined {
  const reference = controllerReference(object);
  const kind = reference === undefined ? undefined : ownerKindOf(controller, reference);
  return reference === undefined || kind === undefined ? undefined : { kind, reference };
}

function controllerReference({ metadata }: Made): OwnerReference | undefined {
  return metadata?.ownerReferences?.find(({ controller }) => controller === true);
}

/** The same hands with another token are the same hands. */
const HANDS = [ORIGIN.user, ORIGIN.uid, ORIGIN.groups, ORIGIN.podUid] as const;

function handedOver(before: Stamps, origin: Stamps, nowMs: number): Stamps {
  const isSame = before[AUTHOR.from] === undefined && HANDS.every((fact) => before[fact] === origin[fact]);
  const since = isSame ? before[RESTAMPED] : new Date(nowMs).toISOString();
  return { ...origin, ...(since === undefined ? {} : { [RESTAMPED]: since }) };
}

const stamps = (of: Stamps): Attributed => ({ outcome: "stamps", stamps: of });
const refused = (...findings: readonly OriginFinding[]): Attributed => ({ outcome: "refused", findings });
