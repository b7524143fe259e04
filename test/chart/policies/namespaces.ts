/** Taking a namespace out of it: T34. */
import { describe, test } from "node:test";
import { CoreV1Api, type KubeConfig } from "@kubernetes/client-node";
import type { Guarded } from "../support/cluster.ts";
import { allowed, MERGE, refusedBy } from "../support/verdicts.ts";

export function namespacePolicies(guarded: () => Guarded): void {
  describe("labels of a namespace", () => {
    const label = (config: KubeConfig, name: string, labels: Readonly<Record<string, string | null>>) => () =>
      config.makeApiClient(CoreV1Api).patchNamespace({ name, body: { metadata: { labels } } }, MERGE);
    const alice = () => guarded().api.as("alice", { groups: ["testers"] });

    test("whoever may change a namespace may put it in, and other labels stay free", async () => {
      const name = await guarded().api.namespace();
      await allowed(label(alice(), name, { "sallyport.dev/rootless": "rootNoCaps" }));
      await allowed(label(alice(), name, { "sallyport.dev/enforce": "" }));
      await allowed(label(alice(), name, { team: "shop" }));
    });
    test("taking it out, or loosening it, needs the right to", async () => {
      const name = await guarded().enforced();
      const attempts = [
        { "sallyport.dev/enforce": null },
        { "sallyport.dev/enforce": "false" },
        { "sallyport.dev/rootless": "rootNoCaps" },
        { "sallyport.dev/enforce": null, team: "shop" },
      ];
      for (const labels of attempts)
        await refusedBy("sallyport-namespace-labels", label(alice(), name, labels), /unenforce/);
      const bob = guarded().api.as("bob", { groups: ["testers", "unenforcers"] });
      await allowed(label(bob, name, { "sallyport.dev/rootless": "rootNoCaps" }));
      await allowed(label(bob, name, { "sallyport.dev/enforce": null }));
    });
    test("the way round by the status is shut too", async () => {
      const name = await guarded().enforced();
      const core = alice().makeApiClient(CoreV1Api);
      const body = { metadata: { labels: { "sallyport.dev/enforce": null } } };
      await refusedBy(
        "sallyport-namespace-labels",
        () => core.patchNamespaceStatus({ name, body }, MERGE),
        /unenforce/,
      );
      const other = { metadata: { labels: { team: "shop" } } };
      await allowed(() => core.patchNamespaceStatus({ name, body: other }, MERGE));
    });
  });
}
