import { withAllBelow } from "#core/policy/revocation.ts";
import { PODS, objectKey } from "#operator/kube/resource.ts";
import { command } from "../../frame/command.ts";
import { REVOKE_IN_CLUSTER_OPTIONS, revokeInCluster } from "./writing.ts";

const NEVER = new AbortController().signal;

export const revokePod = command({
  summary: "take everything from a pod, and from all that it launched",
  description: [
    "Writes a guardrail that refuses everything to this very pod and to everybody below it, also to those that it launches later. Their " +
      "sessions end within a second, and a restart of everything keeps it, until it expires or is lifted.",
    "A pod that comes in its place, from the same Deployment or Job, is another one: `revoke serviceaccount` has them too.",
    "It takes the right to read the pod, and role sallyport-revoke.",
  ],
  positionals: [
    { name: "POD", help: "name of a pod that is there; of one that has ended use `revoke subtree`" },
  ],
  options: REVOKE_IN_CLUSTER_OPTIONS,
  examples: ['kubectl sallyport revoke pod -n shop planner-x7k2p --for 1h --reason "incident 4711"'],
  run: ({ options, positionals: [name = ""] }, io) =>
    revokeInCluster(options, io, async ({ kube, namespace }) => {
      const pod = await kube.get(PODS, objectKey(namespace, name), { signal: NEVER });
      const uid = pod?.metadata.uid;
      if (uid === undefined)
        return {
          cannotRun: `there is no pod ${name} in namespace ${namespace}; what one that has ended launched is revoked by\n  kubectl sallyport revoke subtree`,
        };
      return {
        scope: "pod",
        about: name,
        whom: `pod ${namespace}/${name} and all below it`,
        subjects: withAllBelow([{ pod: { uid } }]),
      };
    }),
});
