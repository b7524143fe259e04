/** A whole cluster on this machine: what runs there runs as in any, and when it is gone, it is gone. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ApiException, BatchV1Api, CoreV1Api, type V1Pod } from "@kubernetes/client-node";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { agentImage, pauseProgram } from "#tools/cluster/node/images.ts";
import { type NodeTier, startNodeTier } from "#tools/cluster/node/node-tier.ts";
import { writeImage } from "#tools/images/oci.ts";
import { jobWithSidecar, podOf, serviceBefore, webObjects, webhookOf } from "./objects.ts";
import { startMirror, startRefuser } from "./servers.ts";
import { NOTHING, type Traced, hostSettings, pidNamespaceOf, tracesOf } from "./traces.ts";

const WAIT_MS_MAX = 60_000;

describe("the node tier", { skip: skipWithoutNodeTier() }, () => {
  let node: NodeTier;
  let namespace: string;
  let agent: { readonly name: string; readonly digest: string };
  let settingsBefore: object;
  const figures: Record<string, number> = {};

  before(async () => {
    const archive = await agentImage();
    settingsBefore = hostSettings();
    node = await timed("cluster.node-ready-ms", () => startNodeTier());
    const [image] = await timed("cluster.import-ms", () => node.import(archive));
    assert.ok(image);
    agent = image;
    namespace = await node.namespace();
    const client = podOf("client", `localhost/test/agent@${agent.digest}`);
    await apply(...webObjects(), jobWithSidecar(), client);
  });
  after(() => node?.[Symbol.asyncDispose]());

  async function timed<Result>(figure: string, step: () => Promise<Result>): Promise<Result> {
    const fromMs = Date.now();
    const result = await step();
    figures[figure] = Date.now() - fromMs;
    return result;
  }
  async function kubectl(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await node.kubectl(["--namespace", namespace, ...words]);
    assert.equal(code, 0, stderr);
    return stdout;
  }
  async function apply(...items: readonly object[]): Promise<void> {
    const words = ["apply", "--namespace", namespace, "--filename", "-"];
    const stdin = JSON.stringify({ apiVersion: "v1", kind: "List", items });
    const { code, stderr } = await node.kubectl(words, { stdin });
    assert.equal(code, 0, stderr);
  }
  const pod = (name: string): Promise<V1Pod> =>
    node.config.makeApiClient(CoreV1Api).readNamespacedPod({ namespace, name });
  async function until(what: string, isSo: () => Promise<boolean | undefined>): Promise<void> {
    for (const deadlineMs = Date.now() + WAIT_MS_MAX; !(await isSo()); await pause(50))
      assert.ok(Date.now() < deadlineMs, `not ${what}`);
  }
  const untilReady = (name: string, before?: string): Promise<void> =>
    until(`${name} is Ready`, async () => {
      // Of a StatefulSet, it may not be there for a moment.
      const found = await pod(name).catch(unlessMissing);
      return (
        found?.metadata?.uid !== before &&
        found?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True")
      );
    });
  const inClient = (script: string): Promise<string> => kubectl("exec", "client", "--", "bash", "-c", script);

  test("a pod runs from an image that it names by digest, and its token is good for the API server", async () => {
    await untilReady("client");
    const script = `cd /var/run/secrets/kubernetes.io/serviceaccount &&
      curl --silent --show-error --cacert ca.crt --header "Authorization: Bearer $(cat token)" \
        --data '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}' --header 'Content-Type: application/json' \
        https://kubernetes.default.svc/apis/authentication.k8s.io/v1/selfsubjectreviews`;
    const { status } = JSON.parse(await inClient(script)) as { status: { userInfo: { username: string } } };
    assert.equal(status.userInfo.username, `system:serviceaccount:${namespace}:default`);
  });

  test("volumes are bound where the pods run, and what is in them outlives the pods", async () => {
    await Promise.all([untilReady("web-0"), untilReady("web-1")]);
    const { metadata } = await pod("web-0");
    await node.config.makeApiClient(CoreV1Api).deleteNamespacedPod({ namespace, name: "web-0" });
    await untilReady("web-0", metadata?.uid);
    assert.equal(await kubectl("exec", "web-0", "--", "cat", "/data/name"), "web-0\nweb-0\n");
    assert.equal(await kubectl("exec", "web-1", "--", "cat", "/data/name"), "web-1\n");
  });

  test("names of Services, of their pods and of the outside mean what they should, others nothing", async () => {
    await node.setOutsideNames({ "outside.test": [node.hostAddress] });
    const answers = await inClient(`
      curl --silent http://web/name | tail -n 1
      curl --silent http://web-1.peers:8000/name
      getent ahostsv4 peers.${namespace}.svc.cluster.local | grep --count STREAM
      getent hosts outside.test | tr --squeeze-repeats ' '
      getent hosts nothing.test || echo unknown
      getent hosts nothing.${namespace}.svc.cluster.local || echo unknown`);
    const [web, ...others] = answers.trim().split("\n");
    assert.match(web ?? "", /^web-[01]$/);
    assert.deepEqual(others, ["web-1", "2", `${node.hostAddress} outside.test`, "unknown", "unknown"]);
  });

  test("host and pods reach each other by their own addresses, and pods nothing beyond", async () => {
    const { status } = await pod("web-1");
    const answer = await fetch(`http://${status?.podIP}:8000/name`, {
      signal: AbortSignal.timeout(WAIT_MS_MAX),
    });
    assert.equal(await answer.text(), "web-1\n");
    await using server = await startMirror(node.hostAddress);
    const client = await pod("client");
    assert.equal(
      await inClient(`curl --silent http://${node.hostAddress}:${server.port}`),
      client.status?.podIP,
    );
    const words = `exec --namespace ${namespace} client -- curl --silent --show-error --max-time 5 http://192.0.2.77/`;
    const beyond = await node.kubectl(words.split(" "));
    assert.match(beyond.stderr, /Couldn't connect|No route|unreachable/);
  });

  test("the API server asks webhooks on the host, by address and by Service", async () => {
    const service = `hooks.${namespace}.svc`;
    const { hostAddress } = node;
    await using server = await startRefuser(node.pki.server(hostAddress, service), hostAddress);
    const caBundle = Buffer.from(node.pki.caPem).toString("base64");
    const host = `${hostAddress}:${server.port}`;
    await apply(
      ...serviceBefore("hooks", hostAddress, server.port),
      webhookOf("by-address", namespace, { url: `https://${host}/`, caBundle }),
      webhookOf("by-service", namespace, { service: { namespace, name: "hooks" }, caBundle }),
    );
    const core = node.config.makeApiClient(CoreV1Api);
    const asked = { "by-address": host, "by-service": `${service}:443` };
    // Configurations and Services take effect soon, not at once.
    for (const [asks, as] of Object.entries(asked))
      await until(`asked ${asks}`, async () => {
        const body = { metadata: { name: asks, labels: { asks } } };
        const made = core.createNamespacedConfigMap({ namespace, body, dryRun: "All" });
        const refusal = await made.then(() => "", String);
        return refusal.includes(`${as} was asked about ${asks}`);
      });
  });

  test("a program's file capability comes with its image, and works for a user who is not root", async () => {
    await using folder = await temporaryFolder();
    const capabilities = { permitted: ["cap_net_admin"], effective: true } as const;
    const file = {
      kind: "file",
      path: "stand",
      content: { file: await pauseProgram() },
      mode: 0o755,
    } as const;
    const image = await writeImage({
      out: `${folder.path}/stand.tar`,
      name: "localhost/test/stand:1",
      config: { user: "65534:65534", entrypoint: ["/stand"] },
      layers: [[{ ...file, capabilities }]],
    });
    const [loaded] = await node.import(image.file, ["localhost/test/other:1"]);
    assert.equal(loaded?.digest, image.digest);
    const granted = { securityContext: { capabilities: { drop: ["ALL"], add: ["NET_ADMIN"] } } };
    const command = { command: ["/stand"] };
    await apply(podOf("granted", "localhost/test/other:1", { ...command, ...granted }));
    await untilReady("granted");
    const { stdout } = await node.inNode(["pgrep", "--full", "--exact", "/stand"]);
    const status = await node.inNode(["grep", "CapEff", `/proc/${stdout.trim()}/status`]);
    assert.equal(status.stdout.trim(), "CapEff:\t0000000000001000");
  });

  test("a Job with a native sidecar completes, the sidecar around its main container", async () => {
    const batch = node.config.makeApiClient(BatchV1Api);
    await until("the Job is complete", async () => {
      const { status } = await batch.readNamespacedJob({ namespace, name: "job" });
      return status?.succeeded === 1;
    });
    const order = await kubectl("logs", "job/job", "--container=sidecar");
    const steps = [
      "sidecar begins",
      "sidecar is ready",
      "main begins",
      "main ends",
      "sidecar is told to end",
    ];
    assert.deepEqual(order.trim().split("\n"), steps);
  });

  test("killed and started again the API server has its objects, and pods have run on", async () => {
    const { status } = await pod("client");
    await node.kill();
    await assert.rejects(node.config.makeApiClient(CoreV1Api).listNode());
    await node.restart();
    assert.deepEqual((await pod("client")).status?.containerStatuses, status?.containerStatuses);
    // The kubelet has found it again when a command reaches the pod.
    assert.equal(await inClient("echo still here"), "still here\n");
  });

  test("nothing on the host has changed while it runs, and nothing is left of it afterwards", async (t) => {
    const traced: Traced = { ...node, pidNamespace: pidNamespaceOf(node.pid) };
    const alive = tracesOf(traced);
    assert.ok(alive.processes >= 8 && alive.controlGroups > 0, "what is looked for can be seen");
    assert.deepEqual([alive.addresses, alive.routes, alive.folder], [1, 1, true]);
    assert.equal(alive.mounts, 0, "its mounts are its own");
    assert.deepEqual(hostSettings(), settingsBefore);
    await timed("cluster.teardown-ms", async () => node[Symbol.asyncDispose]());
    assert.deepEqual(tracesOf(traced), NOTHING);
    assert.deepEqual(hostSettings(), settingsBefore);
    for (const [name, value] of Object.entries(figures)) t.diagnostic(`figure ${name}=${value}`);
  });
});

async function temporaryFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(`${tmpdir()}/sallyport-image-`);
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true }) };
}

function unlessMissing(error: unknown): undefined {
  if (!(error instanceof ApiException && error.code === 404)) throw error;
}
