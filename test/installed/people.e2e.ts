/** People without any other right than docs/command-line.md gives them, at their own kubectl, on a node with two brokers. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { ROOT } from "#test/architecture/sources.ts";
import { fencesOf } from "#test/docs/fences.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { type Live, openLive } from "./support/live.ts";
import { pod, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import type { Ran } from "./support/shell.ts";
import { until } from "./support/until.ts";

const SHOP = "shop";
const PAGE = "docs/command-line.md";
const GROUP = "responders";
const ONE = "select name, email from customers where id = 1";

describe("people at their kubectl", { skip: skipWithoutNodeTier() }, () => {
  const opened = new AsyncDisposableStack();
  let release: Release;
  let plugins = "";
  before(async () => {
    release = opened.use(await installRelease());
    plugins = await mkdtemp(join(tmpdir(), "sallyport-plugins-"));
    opened.defer(() => rm(plugins, { recursive: true }));
    await symlink(join(ROOT, "cli/kubectl-sallyport.ts"), join(plugins, "kubectl-sallyport"));
    await release.apply(...["one", "two"].map((name) => pod(SHOP, name, spec([sleeper()]))));
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Ready pods --all --timeout=120s`);
    await release.kubectl(
      `wait connection/orders-db --namespace ${SHOP} --for=condition=Ready --timeout=60s`,
    );
  });
  after(() => opened.disposeAsync());

  const as = async (user: string, groups: readonly string[], words: string): Promise<Ran> => {
    const kubeconfig = await release.node.kubeconfigOf({ user, groups });
    return release.run(
      `PATH=${plugins}:${dirname(process.execPath)}:$PATH KUBECONFIG=${kubeconfig} kubectl sallyport ${words}`,
    );
  };
  const responder = (words: string): Promise<Ran> => as("ann", [GROUP], words);
  const session = async (name: string): Promise<Live> => {
    const live = await openLive(release, SHOP, name);
    assert.equal(await live.ask(ONE), "Ada Becker|***\n");
    return live;
  };

  test("may nothing until the page's commands were given, and hear so", async () => {
    const { code, output } = await responder(`sessions -n ${SHOP}`);
    assert.equal(code, 2, output);
    assert.match(output, /User "ann" cannot .*\n.*\n.*--clusterrole sallyport-reach/);
    const examples = fencesOf(PAGE, readFileSync(join(ROOT, PAGE), "utf8"));
    const given = examples.filter(({ text }) => text.includes(`--role sallyport-reach --group ${GROUP}`));
    assert.equal(given.length, 1, "one example gives them");
    await release.sh(given[0]?.text ?? "");
    await until("given", async () => (await responder("status")).code === 0);
  });

  test("see and end sessions, whichever broker has them", async () => {
    await using one = await session("one");
    await using two = await session("two");
    let output = "";
    await until("listed", async () => {
      ({ output } = await responder(`sessions -n ${SHOP}`));
      return output.includes(`${SHOP}/one`) && output.includes(`${SHOP}/two`);
    });
    assert.equal((await responder(`kill -n ${SHOP} --pod one`)).code, 0);
    assert.match(await one.ask(ONE), /FATAL: {2}an administrator ended this session/);
    assert.equal(await two.ask(ONE), "Ada Becker|***\n", "the other goes on");
  });

  test("what they may not see of a pod is named, and the rest of it is said", async () => {
    await release.kubectl(`create rolebinding ann --namespace ${SHOP} --clusterrole=view --user=ann`);
    let output = "";
    await until("diagnosed", async () => {
      ({ output } = await responder(`diagnose -n ${SHOP} two`));
      return output.includes("ok       gateway");
    });
    assert.match(output, /ok +trust +the pod is as it was admitted/);
    assert.match(output, /ok +policy +shop\/orders-db/);
    assert.match(output, /unknown +admission .*User "ann" cannot get resource/);
    assert.match(output, /nothing wrong was found in what could be looked at\n/);
  });

  test("a broker that is away is named, and what the other knows is said", async () => {
    await release.kubectl("scale statefulset/sallyport-broker --namespace sallyport-system --replicas=1");
    await release.kubectl(
      "wait pod/sallyport-broker-1 --namespace sallyport-system --for=delete --timeout=120s",
    );
    // As it is when a node is gone: it is still counted.
    const both = await release.run(
      `kubectl patch statefulset/sallyport-broker --namespace sallyport-system --type=json \
       --patch='[{"op":"replace","path":"/spec/replicas","value":2},{"op":"add","path":"/spec/template/spec/nodeSelector","value":{"no":"where"}}]'`,
    );
    assert.equal(both.code, 0, both.output);
    const { code, output } = await responder("status");
    assert.equal(code, 1, output);
    assert.match(output, /sallyport-broker-0 +\d+ +\d+ +\d+ +can be written/);
    assert.match(output, /1 broker did not answer.*\n +sallyport-broker-1: /);
  });
});
