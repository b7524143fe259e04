/** T33: going where nothing is enforced. */
import { MERGE } from "#test/chart/support/verdicts.ts";
import type { Threat } from "../support/attack.ts";
import { create, isTrusted } from "../support/stage.ts";

const BARE = { metadata: { name: "bare" }, spec: { containers: [{ name: "app", image: "app" }] } };

export const ELSEWHERE: Threat = {
  id: "T33",
  title: "a child pod where nothing is enforced",
  attacks: [
    {
      name: "a pod of a namespace without the label is trusted with a credential",
      attempt: async (stage) => {
        const pod = await create(stage, BARE, await stage.unlabelled());
        return stage.isDefended ? isTrusted(stage, pod) : true;
      },
    },
    {
      name: "a pod made before its namespace had the label is trusted later",
      attempt: async (stage) => {
        const namespace = await stage.unlabelled();
        const pod = await create(stage, BARE, namespace, undefined);
        await stage.attacker.patchNamespace(
          { name: namespace, body: { metadata: { labels: { "sallyport.dev/enforce": "" } } } },
          MERGE,
        );
        return stage.isDefended ? isTrusted(stage, pod) : true;
      },
    },
  ],
};
