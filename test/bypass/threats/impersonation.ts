/** T40: whoever may impersonate says of themselves what an API server says of a pod's token. */
import { CoreV1Api } from "@kubernetes/client-node";
import { ORIGIN } from "#operator/names.ts";
import type { Threat } from "../support/attack.ts";
import { ATTACKERS, create, victim, whereIs } from "../support/stage.ts";

const SPEC = { containers: [{ name: "app", image: "app" }] };
const EXTRA = "authentication.kubernetes.io";

export const IMPERSONATION: Threat = {
  id: "T40",
  title: "a pod is impersonated",
  attacks: [
    {
      name: "by somebody with the right to impersonate users and their extras",
      limit: "Impersonation",
      attempt: async (stage) => {
        const pod = await victim(stage);
        const { namespace, name } = whereIs(pod);
        const uid = pod.metadata?.uid ?? "";
        const asPod = stage.api.as(`system:serviceaccount:${namespace}:default`, {
          groups: [ATTACKERS],
          extra: { [`${EXTRA}/pod-name`]: name, [`${EXTRA}/pod-uid`]: uid },
        });
        const attacker = asPod.makeApiClient(CoreV1Api);
        const child = { metadata: { name: "child" }, spec: SPEC };
        const made = await create({ ...stage, attacker }, child, namespace);
        // Without us nobody has written anything, and whoever asks the API server is told the same.
        return !stage.isDefended || made.metadata?.annotations?.[ORIGIN.podUid] === uid;
      },
    },
  ],
};
