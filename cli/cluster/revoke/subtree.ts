import { AGENTS_MAX, withAllBelow } from "#core/policy/revocation.ts";
import { PODS } from "#operator/kube/resource.ts";
import { command } from "../../frame/command.ts";
import { type Member, familiesOf } from "../lineage/tree.ts";
import { EVERYWHERE_OPTION } from "../place.ts";
import { REVOKE_IN_CLUSTER_OPTIONS, revokeInCluster } from "./writing.ts";

const NEVER = new AbortController().signal;

export const revokeSubtree = command({
  summary: "take everything from all that a pod launched, also when it has ended",
  description: [
    "As `revoke pod`, for a pod that need not be there any more: it is found by what it launched. Of several that had the name, one after " +
      "the other, all are meant.",
    "It takes the right to list pods, in the namespace or everywhere (-A, for what was launched in other namespaces), and role " +
      "sallyport-revoke.",
  ],
  positionals: [{ name: "POD", help: "name of the pod, as `kubectl sallyport lineage` shows it" }],
  options: { ...REVOKE_IN_CLUSTER_OPTIONS, ...EVERYWHERE_OPTION },
  examples: ['kubectl sallyport revoke subtree -n shop planner-x7k2p --for 1h --reason "incident 4711"'],
  run: ({ options, positionals: [name = ""] }, io) =>
    revokeInCluster(options, io, async ({ kube, namespace }) => {
      const everywhere = options["all-namespaces"];
      const { items } = await kube.list(PODS, {
        namespace: everywhere ? undefined : namespace,
        signal: NEVER,
      });
      const uids = uidsOf(familiesOf(items), `${namespace}/${name}`);
      if (uids.length === 0)
        return {
          cannotRun: `no pod ${namespace}/${name} is there, nor one that it launched${everywhere ? "" : " in its namespace; -A looks everywhere"}`,
        };
      if (uids.length > AGENTS_MAX)
        return { cannotRun: `${uids.length} pods had that name; revoke their service account` };
      return {
        scope: "subtree",
        about: name,
        whom: `all below pod ${namespace}/${name}, and the pod`,
        subjects: withAllBelow(uids.map((uid) => ({ pod: { uid } }))),
      };
    }),
});

function uidsOf(members: readonly Member[], name: string): readonly string[] {
  return members.flatMap((member) => [
    ...(member.name === name && member.uid !== undefined && member.uid !== "" ? [member.uid] : []),
    ...uidsOf(member.children, name),
  ]);
}
