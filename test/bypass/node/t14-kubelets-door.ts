/** T14: commands in any container by the kubelet's own interface, which admission never hears of. */
import type { LiveThreat, Result } from "../support/duel.ts";
import { type NodeField, OUTSIDE, SHOP, VICTIMS } from "./support/field.ts";

/** `nodes/proxy` is the right to that; who has it is the cluster's to say. */
const OPERATOR_OF_NODES = "system:serviceaccount:outside:nodes";

async function run(
  { release }: NodeField,
  at: string,
  pod: string,
  container: string,
  words: string,
): Promise<Result> {
  const { node } = release;
  await release.run(
    `kubectl create clusterrole nodes-proxy --verb=get,create --resource=nodes/proxy
     kubectl create clusterrolebinding nodes-proxy --clusterrole=nodes-proxy --serviceaccount=outside:nodes`,
  );
  const path = `/api/v1/nodes/${node.nodeName}/proxy/run/${at}/${pod}/${container}?${words}`;
  const { stdout, stderr } = await node.kubectl(["create", "--raw", path, "-f", "-"], {
    as: { user: OPERATOR_OF_NODES, groups: ["system:serviceaccounts"] },
    stdin: "{}",
  });
  const said = `${stdout}${stderr}`.trim();
  return { hasWorked: said.startsWith("done"), said };
}

export const KUBELETS_DOOR: LiveThreat<NodeField> = {
  id: "T14",
  title: "commands in the gateway by the kubelet's own interface",
  duels: [
    {
      name: "by whoever may proxy to nodes",
      without: (field) => run(field, OUTSIDE, "loose", "agent", "cmd=echo%20done"),
      with: (field) => run(field, SHOP, VICTIMS[0], "gw", "cmd=/usr/bin/node%20-p%20%60done%60"),
      limit: "Rights over nodes",
    },
  ],
};
