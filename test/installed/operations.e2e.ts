/** A release through its life: what its users must not notice, then docs/operations.md from top to bottom, to its end. */
import assert from "node:assert/strict";
import { after, before, describe, type TestContext, test } from "node:test";
import { isDeepStrictEqual } from "node:util";
import { CoreV1Api } from "@kubernetes/client-node";
import { LABELS } from "#operator/names.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { makePods } from "./support/makers.ts";
import { commandsOf, runAsWritten } from "./support/pages.ts";
import { namespace, pod, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { until } from "./support/until.ts";

const PAGE = "docs/operations.md";
const OPERATORS = "--namespace sallyport-system --selector=app.kubernetes.io/component=operator";
describe("a release through its life", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
  });
  after(() => release?.[Symbol.asyncDispose]());

  let meanwhile = 0;
  async function unnoticed(t: TestContext, act: () => Promise<unknown>): Promise<void> {
    await using making = makePods(release.node.config, "shop");
    await act();
    const made = making.made();
    await until("pods go on being made", async () => making.made() > made);
    assert.deepEqual(making.refusals, []);
    meanwhile += making.made();
    t.diagnostic(`figure operations.pods-meanwhile=${meanwhile}`);
  }

  test("an upgrade to other values replaces every replica, and neither refuses what the other has made", async (t) => {
    const pods = `get pods ${OPERATORS} --output=jsonpath={.items[*].metadata.uid}`;
    const before = await release.kubectl(pods);
    const other = "--reuse-values --set=operator.logLevel=debug --set=gateway.resources.requests.memory=80Mi";
    await using making = makePods(release.node.config, "shop");
    const fromMs = Date.now();
    await release.sh(`helm upgrade sallyport charts/sallyport --namespace sallyport-system --wait ${other}`);
    await until("one pod after the other is made", async () => making.isServed());
    // Replicas know each other's pods. The API server judges by the policies from before until it has read the new ones.
    for (const { message } of making.refusals)
      assert.match(
        message,
        /ValidatingAdmissionPolicy 'sallyport-pod-gateway' .* is not as Sallyport makes it/,
      );
    const seconds = ((making.refusals.at(-1)?.atMs ?? fromMs) - (making.refusals[0]?.atMs ?? fromMs)) / 1_000;
    t.diagnostic(`figure operations.refused-in-upgrade=${making.refusals.length}`);
    t.diagnostic(`figure operations.refused-in-upgrade-s=${seconds.toFixed(1)}`);
    const isNew = async (): Promise<boolean> =>
      (await release.kubectl(pods)).split(" ").every((uid) => !before.includes(uid));
    await until("the replicas before are gone", isNew);
    // What pods were made with before the upgrade stays trusted: they may be changed.
    await release.kubectl("label pods --namespace shop --selector=app=agent seen=yes");
  });

  test("a replica that is killed is missed for a moment; the other serves", async (t) => {
    // The newest: those before may still be taking their leave.
    const found = await release.node.inNode(["pgrep", "--newest", "--full", "operator.js"]);
    const victim = found.stdout.trim();
    await using making = makePods(release.node.config, "shop");
    const killedMs = Date.now();
    assert.equal((await release.node.inNode(["kill", "-KILL", victim])).code, 0);
    await until("one pod after the other is made", async () => making.isServed());
    for (const { message } of making.refusals) assert.match(message, /failed calling webhook/);
    const lastMs = making.refusals.at(-1)?.atMs ?? killedMs;
    t.diagnostic(`figure operations.refused-after-kill=${making.refusals.length}`);
    t.diagnostic(`figure operations.refused-after-kill-s=${((lastMs - killedMs) / 1_000).toFixed(1)}`);
    const restarts = `get pods ${OPERATORS} --output=jsonpath={.items[*].status.containerStatuses[0].restartCount}`;
    await until("it is started again", async () =>
      isDeepStrictEqual((await release.kubectl(restarts)).split(" ").toSorted(), ["0", "1"]),
    );
    await release.kubectl(`wait pods ${OPERATORS} --for=condition=Ready --timeout=60s`);
  });

  for (const commands of commandsOf(PAGE))
    test(`${commands.place} does what it says`, async (t) => {
      const asWritten = (): Promise<unknown> => runAsWritten(release, commands);
      if (commands.section === "Upgrade") await unnoticed(t, asWritten);
      else if (commands.section === "Rotate") await unnoticed(t, () => rotated(release, asWritten));
      else await asWritten();
    });

  test("uninstalled with labels where they are, it leaves nothing that keeps a pod from being made", async () => {
    await release.sh(commandsOf("README.md")[0]?.script.split("\n").slice(1).join("\n") ?? "");
    await release.apply(namespace("left", { [LABELS.enforce]: "" }));
    await release.kubectl("wait --for=condition=sallyport.dev/Enforced namespace/left --timeout=30s");
    await release.sh("helm uninstall sallyport --namespace sallyport-system --wait");
    await release.kubectl(`wait pods ${OPERATORS} --for=delete --timeout=60s`);
    const core = release.node.config.makeApiClient(CoreV1Api);
    const make = () =>
      core.createNamespacedPod({ namespace: "left", body: pod("left", "free", spec([sleeper()])) });
    // What an operator has made anew in its last moments, the garbage collector takes.
    await until("a pod is made", async () =>
      make().then(
        () => true,
        () => false,
      ),
    );
    const left =
      "get validatingwebhookconfigurations,mutatingwebhookconfigurations,validatingadmissionpolicies --output=name";
    await until("nothing is left", async () => !(await release.kubectl(left)).includes("sallyport"));
    const made = await core.readNamespacedPod({ namespace: "left", name: "free" });
    assert.equal(made.spec?.initContainers, undefined);
  });
});

/** Until every replica shows a certificate by the new authority. */
async function rotated({ kubectl }: Release, rotate: () => Promise<unknown>): Promise<void> {
  const secret =
    "get secret sallyport-webhook-ca --namespace sallyport-system --output=jsonpath={.data.tls\\.crt}";
  const before = await kubectl(secret);
  await rotate();
  assert.notEqual(await kubectl(secret), before);
  await until("every replica changes its certificate", async () => {
    const log = await kubectl(`logs ${OPERATORS} --tail=-1 --prefix`);
    const changed = log
      .split("\n")
      .flatMap((line) => /^\[(\S+) .*"isNewAuthority":true/.exec(line)?.[1] ?? []);
    return new Set(changed).size === 2;
  });
}
