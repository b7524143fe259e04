/** Sessions of agents while what serves them is killed, deleted, rotated and, at last, uninstalled. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { CoreV1Api } from "@kubernetes/client-node";
import { BROKER_AUDIENCE } from "#operator/names.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { containerOf, processOf } from "./support/containers.ts";
import { openLive } from "./support/live.ts";
import { POLICY, asOwner, mintedSessions, psql } from "./support/orders.ts";
import { pod, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { until } from "./support/until.ts";

const SHOP = "shop";
const SYSTEM = "sallyport-system";
const OPERATORS = `--namespace ${SYSTEM} --selector=app.kubernetes.io/component=operator`;
const HELM = `helm upgrade sallyport charts/sallyport --namespace ${SYSTEM} --reuse-values --wait`;
const ONE = "select name, email from customers where id = 1";
const ADA = "Ada Becker|***\n";
const NEXT_PASSWORD = "for-the-minter-from-now-on";
const CLOSED = [{ op: "replace", path: "/spec/allow/0/postgres/tables", value: ["public.orders"] }];
const ENROL = fileURLToPath(new URL("../bypass/node/programs/enrol.ts", import.meta.url));
/** What a session may go on for without its broker, and a little for whoever notices. */
const LEASE_ENDS_MS_MAX = 6 * 60_000;

describe("sessions of agents", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.kubectl(
      `wait connection/orders-db --namespace ${SHOP} --for=condition=Ready --timeout=60s`,
    );
    await release.apply(...["one", "two"].map((name) => pod(SHOP, name, spec([sleeper()]))));
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Ready pods --all --timeout=120s`);
  });
  after(() => release?.[Symbol.asyncDispose]());

  /** A session of its own, in a pod that runs. */
  const anew = (of: string): Promise<string> =>
    release.inAgent(SHOP, of, `${psql(`--command="${ONE}"`)} 2>&1; true`);
  const patch = (what: string, operations: readonly object[]): Promise<string> =>
    release.sh(
      `kubectl patch ${what} --namespace ${SHOP} --type=json --patch '${JSON.stringify(operations)}'`,
    );

  test("every replica of the operator is killed: they go on, and next ones are served", async () => {
    await using live = await openLive(release, SHOP, "one");
    assert.equal(await live.ask(ONE), ADA);
    const names = await release.kubectl(`get pods ${OPERATORS} --output=jsonpath={.items[*].metadata.name}`);
    for (const name of names.split(" ")) await (await containerOf(release, SYSTEM, name, "operator")).kill();
    assert.equal(await live.ask(ONE), ADA);
    assert.equal(await anew("one"), ADA);
    await release.kubectl(
      `rollout status deployment/sallyport-operator --namespace ${SYSTEM} --timeout=120s`,
    );
  });

  test("our webhook configurations are deleted, and nobody makes them anew: policies and exchange hold", async () => {
    await using live = await openLive(release, SHOP, "one");
    assert.equal(await live.ask(ONE), ADA);
    await release.kubectl(`scale deployment/sallyport-operator --namespace ${SYSTEM} --replicas=0`);
    await release.kubectl(`wait pods ${OPERATORS} --for=delete --timeout=60s`);
    for (const kind of ["mutating", "validating"])
      await release.kubectl(`delete ${kind}webhookconfiguration sallyport`);
    assert.equal(await live.ask(ONE), ADA);
    assert.equal(await anew("two"), ADA);
    // Edits are judged by nobody now, and hold all the same.
    await patch(POLICY, CLOSED);
    await until("the edit holds", async () => (await live.ask(ONE)).includes("no rule allows this"));
    await release.kubectl("apply --filename examples/kubernetes/orders.yaml");
    await until("it is taken back", async () => (await live.ask(ONE)) === ADA);
    const bare = await release.run(runBare(release.agent));
    assert.match(bare.output, /ValidatingAdmissionPolicy 'sallyport-pod-gateway'/);
  });

  test("our policies too: a pod comes out without a gateway, and with a token of its own gets nothing", async () => {
    await using live = await openLive(release, SHOP, "one");
    assert.equal(await live.ask(ONE), ADA);
    const bindings = await release.kubectl("get validatingadmissionpolicybindings --output=name");
    for (const name of bindings.split("\n").filter((each) => each.includes("sallyport")))
      await release.kubectl(`delete ${name}`);
    await until("a bare pod is let in", async () => (await release.run(runBare(release.agent))).code === 0);
    await release.kubectl(`wait pod bare --namespace ${SHOP} --for=condition=Ready --timeout=60s`);
    assert.match(await enrol(release, "bare"), /POD_UNTRUSTED/);
    const reached = await release.inAgent(SHOP, "bare", `${psql("--command='select 1'")} 2>&1; true`, "bare");
    assert.match(reached, /could not translate host name/, "nobody there knows the name");
    assert.equal(await live.ask(ONE), ADA, "the others go on");
    assert.equal(await anew("two"), ADA);
    await release.kubectl(`delete pod bare --namespace ${SHOP} --wait`);
    await release.sh(HELM);
    assert.equal(await release.kubectl("get validatingadmissionpolicybindings --output=name"), bindings);
    const shown = "--dry-run=server --output=jsonpath='{.spec.initContainers[*].name}'";
    let made = "";
    await until("who makes pods has gateways in them again", async () => {
      made = (await release.run(runBare(release.agent, shown))).output;
      return made.includes("gw-init gw") || made.includes("AlreadyExists");
    });
    assert.match(made, /gw-init gw/);
  });

  test("the Secret behind a Connection is rotated: they go on, and next ones are served with what is in it now", async () => {
    await using live = await openLive(release, SHOP, "one");
    assert.equal(await live.ask(ONE), ADA);
    await asOwner(release, `alter role sallyport_minter password '${NEXT_PASSWORD}'`);
    const value = Buffer.from(NEXT_PASSWORD).toString("base64");
    await patch("secret/orders-db", [{ op: "replace", path: "/data/password", value }]);
    await release.apply(pod(SHOP, "three", spec([sleeper()])));
    await release.kubectl(`wait pod three --namespace ${SHOP} --for=condition=Ready --timeout=60s`);
    await until("a role is made with it", async () => (await anew("three")) === ADA);
    assert.equal(await live.ask(ONE), ADA);
    const usable = "/metadata/annotations/sallyport.dev~1usable-by";
    await patch("secret/orders-db", [{ op: "replace", path: usable, value: "another@orders-db.data.svc" }]);
    await release.kubectl(`delete pod three --namespace ${SHOP} --wait`);
    await release.apply(pod(SHOP, "three", spec([sleeper()])));
    await release.kubectl(`wait pod three --namespace ${SHOP} --for=condition=Ready --timeout=60s`);
    assert.match(await anew("three"), /Refused by the gateway: CREDENTIAL_UNAVAILABLE/);
    await patch("secret/orders-db", [{ op: "replace", path: usable, value: "orders-db@orders-db.data.svc" }]);
    await until("it may be used again", async () => (await anew("three")) === ADA);
  });

  test("uninstalled under them, they go on for no longer than a lease, and nothing keeps pods back", async () => {
    await using live = await openLive(release, SHOP, "two");
    assert.equal(await live.ask(ONE), ADA);
    await release.sh(`helm uninstall sallyport --namespace ${SYSTEM} --wait`);
    await release.kubectl(
      `wait pods --namespace ${SYSTEM} --selector=app.kubernetes.io/name=sallyport --for=delete --timeout=120s`,
    );
    assert.match(await anew("two"), /Refused by the gateway: BROKER_UNREACHABLE/);
    const said = await live.ask(ONE);
    if (said !== ADA) assert.match(said, /ended|terminating|LEASE_ENDED/);
    await until("they have ended", async () => (await mintedSessions(release)) === "", LEASE_ENDS_MS_MAX);
    assert.match(await live.ask("select 1"), /LEASE_ENDED|psql ended|terminating/);
    // Whoever had the key to it is gone; and the server itself counts its minutes.
    const left = "select count(*) from pg_roles where rolname like 'sp\\_%'";
    const over = `${left} and rolvaliduntil < now() + interval '15 minutes'`;
    assert.equal(await asOwner(release, left), await asOwner(release, over));
    assert.equal(
      (await release.run(runBare(release.agent, "--dry-run=server"))).code,
      0,
      "nothing keeps pods back",
    );
  });
});

const runBare = (image: string, flags = ""): string =>
  `kubectl run bare --namespace ${SHOP} --image=${image} --restart=Never ${flags} -- sleep infinity`;

/** With a token as a gateway's, from the pod's own address: nothing but the pod itself speaks against it. */
async function enrol(release: Release, name: string): Promise<string> {
  const { node, kubectl } = release;
  const bound = `--bound-object-kind=Pod --bound-object-name=${name}`;
  const token = await kubectl(
    `create token default --namespace ${SHOP} --audience=${BROKER_AUDIENCE} ${bound}`,
  );
  const core = node.config.makeApiClient(CoreV1Api);
  const { data = {} } = await core.readNamespacedConfigMap({ namespace: SHOP, name: "sallyport-authority" });
  const host = await kubectl(
    `get pod sallyport-broker-0 --namespace ${SYSTEM} --output=jsonpath={.status.podIP}`,
  );
  const serverName = `sallyport-broker.${SYSTEM}.svc`;
  const asked = JSON.stringify({ token: token.trim(), ca: data["ca.pem"], host, port: 8444, serverName });
  const within = ["nsenter", "-t", String(await processOf(release, SHOP, name, name)), "-n", "--"] as const;
  const { code, stdout, stderr } = await node.inNode([...within, process.execPath, ENROL], asked);
  assert.equal(code, 0, stderr);
  return stdout;
}
