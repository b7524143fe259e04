/** Who made a pod: what admission put on record, told in the broker's words. */
import type { Identity } from "#core/policy/facts.ts";
import type { Agent, Maker } from "#broker/lineage/lineage.ts";
import { isPodUid } from "#core/port/enrol.ts";
import type { Author } from "../../admission/origin/author.ts";
import type { Registry } from "../../admission/origin/registry.ts";
import { type RootSetting, controllerRoot, rootOf } from "./roots.ts";

export interface MakerFacts {
  readonly registry: Registry;
  readonly roots: readonly RootSetting[];
  /** Whether a pod of that name and uid is, or was, one that is held to policy. */
  readonly isAgent: (agent: Agent) => Promise<boolean>;
}

export async function makerIn(author: Author, { registry, roots, isAgent }: MakerFacts): Promise<Maker> {
  const { user, pod } = author;
  const serviceAccount = accountIn(user);
  if (serviceAccount === undefined) {
    // Only tokens of service accounts are bound to pods; whatever says otherwise is not of the API server's making.
    if (pod !== undefined) return unknown(`${user} is no service account, and is said to be in a pod`);
    return { kind: "root", root: rootOf(author, roots) };
  }
  if (pod === undefined) return unbound(user, serviceAccount, registry);
  if (!isPodUid(pod.uid)) return unknown(`${user} is said to be in a pod, and not in which`);
  const agent: Agent = {
    serviceAccount,
    pod: { namespace: serviceAccount.namespace, name: pod.name, uid: pod.uid },
  };
  if (await isAgent(agent)) return { kind: "agent", agent };
  return { kind: "root", root: controllerRoot(serviceAccount, agent.pod) };
}

/** A token that is bound to no pod may be anybody's who once had it. */
function unbound(
  user: string,
  serviceAccount: NonNullable<Identity["serviceAccount"]>,
  registry: Registry,
): Maker {
  if (registry.get(user)?.mayBeUnbound === true)
    return { kind: "root", root: controllerRoot(serviceAccount, undefined) };
  return unknown(`the token of ${user} was bound to no pod`);
}

export function unknown(why: string): Maker {
  return { kind: "unknown", why };
}

const ACCOUNT = /^system:serviceaccount:([a-z0-9-]+):([a-z0-9.-]+)$/;

function accountIn(user: string): Identity["serviceAccount"] {
  const [, namespace, name] = ACCOUNT.exec(user) ?? [];
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}
