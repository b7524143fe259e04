/** T44: ways from outside to a pod's ports that neither capture nor a network policy sees. */
import type { CoreV1Api } from "@kubernetes/client-node";
import type { Attack, Threat } from "../support/attack.ts";
import { reaches, type Stage, victim, whereIs } from "../support/stage.ts";

type Where = Awaited<ReturnType<typeof where>>;
const where = async (stage: Stage) => whereIs(await victim(stage));

/** As somebody with every right that Kubernetes asks for; and as an administrator, who may debug. */
const way = (name: string, ask: (core: CoreV1Api, at: Where, stage: Stage) => Promise<unknown>): Attack => ({
  name,
  attempt: async (stage) => {
    const at = await where(stage);
    return reaches(() => ask(stage.attacker, at, stage));
  },
  refusal: /sallyport-debug/,
  twin: async (stage) => {
    const at = await where(stage);
    return reaches(() => ask(stage.administrator, at, stage));
  },
});

const service = async ({ administrator, namespace }: Stage): Promise<string> => {
  const spec = { selector: { app: "web" }, ports: [{ port: 80 }] };
  const body = { metadata: { generateName: "web-" }, spec };
  return (await administrator.createNamespacedService({ namespace, body })).metadata?.name ?? "";
};

export const FORWARDING: Threat = {
  id: "T44",
  title: "kubectl port-forward, and the API server as a proxy",
  attacks: [
    way("a port forwarded to the gateway's or the agent's", (core, at) =>
      core.connectPostNamespacedPodPortforward(at),
    ),
    way("the same by GET, as over a websocket", (core, at) => core.connectGetNamespacedPodPortforward(at)),
    way("the API server as a proxy to the gateway", (core, { namespace, name }) =>
      core.connectGetNamespacedPodProxy({ namespace, name: `${name}:15021` }),
    ),
    way("the same with data for the agent", (core, { namespace, name }) =>
      core.connectPostNamespacedPodProxyWithPath({ namespace, name: `${name}:8080`, path: "data" }),
    ),
    way("the API server as a proxy to a Service before it", async (core, { namespace }, stage) =>
      core.connectGetNamespacedServiceProxy({ namespace, name: `${await service(stage)}:80` }),
    ),
  ],
};
