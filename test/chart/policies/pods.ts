/** What the webhook refuses, the policies refuse too: every rule of operator/admission/pod, with its own example. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";
import { before, describe, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { type RuleName, RULES } from "#operator/admission/pod/rules/index.ts";
import type { Rootless } from "#operator/admission/pod/contract.ts";
import { mutationsOf } from "#test/pods/mutations.ts";
import { exampleOf } from "#test/pods/surroundings.ts";
import { atOnce } from "../support/at-once.ts";
import { type Guarded, refusalOf } from "../support/cluster.ts";
import { whole } from "../support/whole.ts";

/** Rules that no policy can say, each with who says it instead. */
const NOT_BY_POLICY: Partial<Record<RuleName, string>> = {
  "unknown-field":
    "an API server that does not know the field drops it; one that does gets a newer Sallyport",
  "writes-our-kinds": "is a right, not a field: shown below",
};

/** Examples that the API server refuses itself, before it asks anybody. */
const REFUSED_BY_KUBERNETES: ReadonlySet<RuleName> = new Set([
  "windows",
  "mirror-pod",
  "privileged",
  "reserved-name",
]);

const BY_KUBERNETES = /is invalid|mirror pod/;

export function podPolicies(guarded: () => Guarded): void {
  describe("a pod", () => {
    const namespaces = new Map<Rootless, string>();
    before(async () => {
      for (const rootless of ["deny", "force", "rootNoCaps"] as const)
        namespaces.set(rootless, await guarded().enforced({ "sallyport.dev/rootless": rootless }));
    });
    const create = (rootless: Rootless, body: V1Pod) => () =>
      guarded().core.createNamespacedPod({ namespace: namespaces.get(rootless) ?? "", body, dryRun: "All" });

    test("as the webhook makes it is let through", async () => {
      for (const namespace of namespaces.values()) {
        const body = guarded().agent(namespace);
        assert.equal(
          await refusalOf(() => guarded().core.createNamespacedPod({ namespace, body })),
          undefined,
        );
      }
    });
    test("that is weakened in any way is refused", { timeout: 120_000 }, async (t) => {
      const base = weakened(guarded(), namespaces.get("force") ?? "");
      assert.equal(await refusalOf(create("force", base)), undefined);
      const seen = { "by policy": 0, "by Kubernetes": 0, "restored by defaults": 0 };
      const survivors: string[] = [];
      const mutations = mutationsOf(base);
      const [{ spec: stored }] = [await create("force", base)()];
      await atOnce(mutations, async ({ name, pod }) => {
        let spec: V1Pod["spec"];
        const refusal = await refusalOf(async () => {
          ({ spec } = await create("force", pod)());
        });
        if (refusal === undefined && isDeepStrictEqual(spec, stored)) seen["restored by defaults"] += 1;
        else if (refusal === undefined) survivors.push(name);
        else if (/ValidatingAdmissionPolicy 'sallyport-/.test(refusal)) seen["by policy"] += 1;
        else {
          assert.match(refusal, BY_KUBERNETES, name);
          seen["by Kubernetes"] += 1;
        }
      });
      t.diagnostic(`figure chart.mutations=${mutations.length}`);
      for (const [how, count] of Object.entries(seen))
        t.diagnostic(`figure chart.mutations-${how.replaceAll(" ", "-").toLowerCase()}=${count}`);
      assert.deepEqual(survivors, []);
    });
    for (const name of Object.keys(RULES) as RuleName[]) {
      if (NOT_BY_POLICY[name] !== undefined) continue;
      test(`that rule ${name} is about is refused, and its twin is not`, async () => {
        const { wrong, right, remedy } = RULES[name];
        const { facts } = exampleOf(wrong);
        const refusal =
          (await refusalOf(create(facts.rootless, whole(guarded(), wrong, name)))) ?? "it was let through";
        if (REFUSED_BY_KUBERNETES.has(name)) assert.match(refusal, /is invalid|mirror pod/);
        else assert.match(refusal, /ValidatingAdmissionPolicy 'sallyport-(?:pod|origin)-.*Fix: /);
        if (remedy === "forced") return;
        const twin = create(exampleOf(right).facts.rootless, whole(guarded(), right));
        assert.equal(await refusalOf(twin), undefined);
      });
    }
  });
}

/** With a container, an init container and a volume of its own: what the mutations start from. */
function weakened({ agent }: Guarded, namespace: string): V1Pod {
  return agent(namespace, {
    spec: {
      initContainers: [{ name: "prepare", image: "app" }],
      containers: [{ name: "app", image: "app", volumeMounts: [{ name: "work", mountPath: "/work" }] }],
      volumes: [{ name: "work", emptyDir: {} }],
    },
  });
}
