import { withAllBelow } from "#core/policy/revocation.ts";
import { command } from "../../frame/command.ts";
import { REVOKE_IN_CLUSTER_OPTIONS, revokeInCluster } from "./writing.ts";

export const revokeServiceAccount = command({
  summary: "take everything from a service account's pods, and from all that they launched",
  description: [
    "Writes a guardrail that refuses everything to every pod of the service account and to everybody below one, also to those that come " +
      "later. Their sessions end within a second, and a restart of everything keeps it, until it expires or is lifted.",
    "It takes role sallyport-revoke. It says nothing of what the account may do at the API server itself.",
  ],
  positionals: [{ name: "NAME", help: "of the service account" }],
  options: REVOKE_IN_CLUSTER_OPTIONS,
  examples: ['kubectl sallyport revoke serviceaccount -n shop planner --for 1h --reason "incident 4711"'],
  run: ({ options, positionals: [name = ""] }, io) =>
    revokeInCluster(options, io, async ({ namespace }) => ({
      scope: "serviceaccount",
      about: name,
      whom: `service account ${namespace}/${name} and all below its pods`,
      subjects: withAllBelow([{ serviceAccount: { namespace, name } }]),
    })),
});
