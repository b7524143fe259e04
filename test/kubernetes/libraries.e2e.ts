/** The client libraries of Kubernetes that agents are written with, as they are, in front of a real API server. */
import assert from "node:assert/strict";
import { type SpawnSyncOptions, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import { CoreV1Api, KubeConfig, makeInformer } from "@kubernetes/client-node";
import { ROOT } from "#test/architecture/sources.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { until } from "#test/gateway/support/in-process.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { type Through, accountIn, through } from "./support/rig.ts";

const PROGRAM_MS_MAX = 10 * 60_000;
const rules = { allow: [{ name: "maps", kubernetes: { verbs: ["*"], resources: ["configmaps"] } }] };
const REFUSED = /no rule allows this: list secrets in test-\w+ \(Sallyport: DENY_NO_RULE, /;

describe("client libraries through the gateway", { skip: skipWithoutApiTier() }, () => {
  let api: ApiTier;
  let namespace: string;
  let token: string;
  before(async () => {
    api = await startApiTier();
    namespace = await api.namespace();
    token = await accountIn(api, namespace);
  });
  after(() => api[Symbol.asyncDispose]());

  async function run(
    { kubeconfig }: Through,
    command: string,
    words: readonly string[],
    cwd = import.meta.dirname,
  ): Promise<Record<string, unknown>> {
    const child = spawn(command, [...words, namespace], {
      cwd,
      env: { ...process.env, KUBECONFIG: kubeconfig },
      timeout: PROGRAM_MS_MAX,
    });
    const [out, err, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, "close"),
    ]);
    assert.equal(code, 0, err);
    return JSON.parse(out) as Record<string, unknown>;
  }

  test("client-go, in protobuf, with an informer", async (context) => {
    const rig = await through(context, api, { token, rules });
    const program = join(import.meta.dirname, "client.go");
    const done = await run(rig, "go", ["run", program], join(ROOT, "tools/kubernetes"));
    assert.deepEqual(
      [done["read"], done["watched"], done["isForbidden"]],
      ["green", ["added", "deleted"], true],
    );
    assert.match(String(done["refused"]), REFUSED);
  });

  test("the Python client, with a watch", async (context) => {
    const python = join(ROOT, ".cache/venv/kubernetes/bin/python");
    const options: SpawnSyncOptions = { cwd: ROOT, encoding: "utf8" };
    const setup = ["tools/setup/python.sh", "test/kubernetes/requirements.txt", "kubernetes", "kubernetes"];
    const installed = spawnSync("sh", setup, options);
    assert.equal(installed.status, 0, String(installed.stderr));
    const rig = await through(context, api, { token, rules });
    const { refused, ...done } = await run(rig, python, ["client.py"]);
    assert.deepEqual(done, { read: "green", listed: ["red"], watched: ["ADDED", "DELETED"] });
    assert.equal((refused as [number, string])[0], 403);
    assert.match((refused as [number, string])[1], REFUSED);
  });

  test("client-node, with an informer", async (context) => {
    const rig = await through(context, api, { token, rules });
    const config = new KubeConfig();
    config.loadFromFile(rig.kubeconfig);
    const core = config.makeApiClient(CoreV1Api);
    const events: string[] = [];
    const list = () => core.listNamespacedConfigMap({ namespace });
    const informer = makeInformer(config, `/api/v1/namespaces/${namespace}/configmaps`, list);
    for (const name of ["add", "delete"] as const)
      informer.on(name, ({ metadata }) => {
        if (metadata?.name === "node") events.push(name);
      });
    await informer.start();
    context.after(() => informer.stop());
    await core.createNamespacedConfigMap({ namespace, body: { metadata: { name: "node" } } });
    await until(() => events.includes("add"));
    await core.deleteNamespacedConfigMap({ namespace, name: "node" });
    await until(() => events.includes("delete"));
    await assert.rejects(
      core.listNamespacedSecret({ namespace }),
      (error: { code: number; body: string }) => {
        assert.equal(error.code, 403);
        assert.match(error.body, REFUSED);
        return true;
      },
    );
  });
});
