/** T33: going where nothing is enforced, and asking for what a gateway has. */
import type { V1Pod } from "@kubernetes/client-node";
import { agentPod, factsOf } from "#test/chart/support/agents.ts";
import { exampleOf } from "#test/pods/surroundings.ts";
import type { Attack, Threat } from "../support/attack.ts";
import { create, type Stage } from "../support/stage.ts";

const REFUSED = /spec\.volumes: .*Fix: /;

function elsewhere(name: string, pod: (stage: Stage, namespace: string) => V1Pod): Attack {
  return {
    name,
    refusal: REFUSED,
    attempt: async (stage) => {
      const namespace = await stage.unlabelled();
      await create(stage, pod(stage, namespace), namespace);
      return true;
    },
    twin: async (stage) => create(stage, projecting("vault.example"), await stage.unlabelled()),
  };
}

const projecting = (audience: string): V1Pod =>
  exampleOf(
    `spec: { volumes: [{ name: t, projected: { sources: [{ serviceAccountToken: { audience: ${audience}, path: t } }] } }] }`,
  ).pod;

export const ELSEWHERE: Threat = {
  id: "T33",
  title: "a child pod where nothing is enforced",
  attacks: [
    elsewhere("with a token like a gateway's", () => projecting("sallyport.dev/broker")),
    elsewhere(
      "with a whole gateway, to be trusted when its namespace gets the label",
      ({ injection }, namespace) => agentPod(factsOf(namespace), injection, { metadata: { name: "early" } }),
    ),
  ],
};
