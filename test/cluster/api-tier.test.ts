import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { CoreV1Api, type V1UserInfo } from "@kubernetes/client-node";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { isRunning } from "./processes.ts";
import { whoami } from "./whoami.ts";

const POD_NAME = "authentication.kubernetes.io/pod-name";

describe("the api tier", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  let startMs: number;
  before(async () => {
    const fromMs = Date.now();
    api = await startApiTier();
    startMs = Date.now() - fromMs;
  });
  after(() => api[Symbol.asyncDispose]());

  test("it is Kubernetes 1.36, and takes what kubectl sends it", async (t) => {
    t.diagnostic(`figure cluster.api-tier-start-ms=${startMs}`);
    const { apiServer, etcd } = api.pids();
    t.diagnostic(`figure cluster.api-tier-rss-mib=${residentMib(apiServer) + residentMib(etcd)}`);
    const { stdout } = await api.kubectl(["version", "--output=json"]);
    const { serverVersion } = JSON.parse(stdout) as { serverVersion: { gitVersion: string } };
    assert.match(serverVersion.gitVersion, /^v1\.36\.\d+$/);
    const configMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "fruit" },
      data: { apple: "red" },
    };
    const namespace = await api.namespace();
    const applied = await api.kubectl(["apply", "--namespace", namespace, "--filename", "-"], {
      stdin: JSON.stringify(configMap),
    });
    assert.deepEqual(applied, { code: 0, stdout: "configmap/fruit created\n", stderr: "" });
    const again = await api.kubectl(["get", "configmap", "pear", "--namespace", namespace]);
    assert.equal(again.code, 1);
    assert.match(again.stderr, /NotFound/);
  });

  test("it has what it would have given itself before anybody could ask", async () => {
    const [roles, classes, flows] = await Promise.all(
      ["clusterroles", "priorityclasses", "flowschemas"].map(async (kind) => {
        const { stdout } = await api.kubectl(["get", kind, "--output=name"]);
        return stdout.split("\n");
      }),
    );
    assert.ok(roles?.includes("clusterrole.rbac.authorization.k8s.io/cluster-admin"));
    assert.ok(classes?.includes("priorityclass.scheduling.k8s.io/system-node-critical"));
    assert.ok(flows?.includes("flowschema.flowcontrol.apiserver.k8s.io/catch-all"));
  });

  test("a namespace has its labels, and a pod is admitted there", async () => {
    const namespace = await api.namespace({ "example.com/team": "blue" });
    const core = api.config.makeApiClient(CoreV1Api);
    const { metadata } = await core.readNamespace({ name: namespace });
    assert.equal(metadata?.labels?.["example.com/team"], "blue");
    const body = { metadata: { name: "one" }, spec: { containers: [{ name: "main", image: "example" }] } };
    const pod = await core.createNamespacedPod({ namespace, body });
    assert.equal(pod.spec?.serviceAccountName, "default");
    // The admission plugin for service accounts has seen it.
    assert.ok(pod.spec?.volumes?.some(({ name }) => name.startsWith("kube-api-access-")));
  });

  test("one is whom one says, and may what RBAC lets that one do", async () => {
    const alice = { user: "alice", groups: ["gardeners", "cooks"] };
    const who = await whoami(api.as(alice.user, alice));
    assert.equal(who.username, "alice");
    assert.deepEqual(who.groups, ["gardeners", "cooks", "system:authenticated"]);
    const refused = await api.kubectl(["get", "secrets", "--all-namespaces"], { as: alice });
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /User "alice" cannot list resource "secrets"/);
    const rule = ["--verb=list", "--resource=secrets"];
    await api.kubectl(["create", "clusterrole", "gardening", ...rule]);
    await api.kubectl([
      "create",
      "clusterrolebinding",
      "gardening",
      "--clusterrole=gardening",
      "--group=gardeners",
    ]);
    let allowed = await api.kubectl(["get", "secrets", "--all-namespaces"], { as: alice });
    for (const deadlineMs = Date.now() + 30_000; allowed.code !== 0 && Date.now() < deadlineMs; )
      allowed = await api.kubectl(["get", "secrets", "--all-namespaces"], { as: alice });
    assert.equal(allowed.code, 0, allowed.stderr);
  });

  test("what a certificate cannot say is said by impersonation, alike for a client and for kubectl", async () => {
    const groups = ["gardeners"];
    const extra = { [POD_NAME]: "parent" };
    const seen = await whoami(api.as("bob", { groups, extra }));
    assert.deepEqual(
      { ...seen },
      { username: "bob", groups: ["gardeners", "system:authenticated"], extra: { [POD_NAME]: ["parent"] } },
    );
    const { stdout } = await api.kubectl(["auth", "whoami", "--output=json"], {
      as: { user: "bob", groups, extra },
    });
    const { status } = JSON.parse(stdout) as { status: { userInfo: V1UserInfo } };
    assert.deepEqual(status.userInfo, { ...seen });
    assert.throws(() => api.as("bob", { groups: ["one", "two"], extra }), /one group at most/);
  });

  test("a service account's token is a real one, and says in which pod it is", async () => {
    const namespace = await api.namespace();
    const free = await whoami(await api.asServiceAccount(namespace, "default"));
    assert.equal(free.username, `system:serviceaccount:${namespace}:default`);
    assert.equal(free.extra?.[POD_NAME], undefined);
    const body = { metadata: { name: "parent" }, spec: { containers: [{ name: "main", image: "example" }] } };
    const made = await api.config.makeApiClient(CoreV1Api).createNamespacedPod({ namespace, body });
    const pod = { name: "parent", uid: made.metadata?.uid ?? "" };
    const bound = await whoami(await api.asServiceAccount(namespace, "default", pod));
    assert.deepEqual(bound.extra?.[POD_NAME], ["parent"]);
    assert.deepEqual(bound.extra?.["authentication.kubernetes.io/pod-uid"], [pod.uid]);
  });

  test("killed and started again it is at the same place with the same data", async () => {
    const namespace = await api.namespace();
    const { apiServer: first } = api.pids();
    await api.kill();
    assert.equal(isRunning(first), false);
    const core = api.config.makeApiClient(CoreV1Api);
    await assert.rejects(core.readNamespace({ name: namespace }));
    await api.restart();
    const { metadata } = await core.readNamespace({ name: namespace });
    assert.equal(metadata?.name, namespace);
    assert.notEqual(api.pids().apiServer, first);
  });
});

function residentMib(pid: number): number {
  const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1];
  return Math.round(Number(kib) / 1_024);
}
