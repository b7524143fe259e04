/** Injected pods on a real node, and beside each promise the pod without the gateway's rules, in which the attack works. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import type { V1Container, V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import type { InjectionSettings, Rootless } from "#operator/admission/pod/contract.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { agentImage } from "#tools/cluster/node/images.ts";
import { type NodeTier, startNodeTier } from "#tools/cluster/node/node-tier.ts";
import { buildImages } from "#tools/images/images.ts";
import { FACTS, GATEWAY_UID, injected, SETTINGS } from "./surroundings.ts";

/** What an agent that would be the gateway, or go past it, tries first; each line says what came of it. */
const ATTACKS = `
import os, socket
def attempt(name, act):
    try: act(); print(name, "works")
    except OSError as error: print(name, error.strerror)
attempt("raw socket", lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP))
attempt("chown", lambda: (open("/tmp/mine", "w").close(), os.chown("/tmp/mine", 1, 1)))
attempt("setuid", lambda: os.setuid(${GATEWAY_UID}))
`;
const HELD =
  "raw socket Operation not permitted\nchown Operation not permitted\nsetuid Operation not permitted\n";
const LOOSE = "raw socket works\nchown works\nsetuid works\n";

describe("on a node", { skip: skipWithoutNodeTier() }, () => {
  let node: NodeTier;
  let namespace: string;
  let agent: string;
  let settings: InjectionSettings;

  before(async () => {
    const folder = await mkdtemp(join(tmpdir(), "sallyport-pods-"));
    try {
      const [archive] = await Promise.all([
        agentImage(),
        buildImages(["gateway", "init"], { out: folder, tag: "test" }),
      ]);
      node = await startNodeTier();
      const [[agents], [gateway], [init]] = await Promise.all([
        node.import(archive),
        node.import(join(folder, "gateway.tar")),
        node.import(join(folder, "init.tar")),
      ]);
      assert.ok(agents && gateway && init);
      agent = agents.name;
      settings = { ...SETTINGS, images: { gateway: gateway.name, init: init.name }, pullPolicy: "Never" };
    } finally {
      await rm(folder, { recursive: true });
    }
    namespace = await node.namespace();
    await Promise.all([
      create(podOf("force")),
      create(podOf("rootNoCaps")),
      create(uninjected()),
      create(slow()),
    ]);
  });
  after(() => node?.[Symbol.asyncDispose]());

  const facts = (rootless: Rootless) => ({ ...FACTS, namespace, rootless });
  const shell = (name: string, script: string): V1Container => ({
    name,
    image: agent,
    command: ["bash", "-c", script],
  });
  const bare = (name: string, ...initContainers: V1Container[]): V1Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name },
    spec: { terminationGracePeriodSeconds: 0, initContainers, containers: [shell("app", "sleep infinity")] },
  });
  const podOf = (rootless: Rootless): V1Pod =>
    injected(bare(rootless.toLowerCase(), shell("first", DIAL)), facts(rootless), settings);
  const uninjected = (): V1Pod => bare("uninjected");
  const slow = (): V1Pod => bare("slow", shell("wait", "until test -e /tmp/go; do sleep 0.1; done"));

  async function kubectl(...words: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await node.kubectl(["--namespace", namespace, ...words]);
    assert.equal(code, 0, stderr);
    return stdout;
  }
  async function create(pod: V1Pod): Promise<void> {
    const words = ["create", "--namespace", namespace, "--filename", "-"];
    const { code, stderr } = await node.kubectl(words, { stdin: JSON.stringify(pod) });
    assert.equal(code, 0, stderr);
  }
  const ready = (name: string): Promise<string> =>
    kubectl("wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s");
  const read = async (name: string): Promise<V1Pod> =>
    JSON.parse(await kubectl("get", "pod", name, "--output=json")) as V1Pod;

  for (const rootless of ["force", "rootNoCaps"] as const) {
    const name = rootless.toLowerCase();

    test(`under rootless=${rootless} a pod starts in order, captured from its first init container on, and is trusted`, async () => {
      await ready(name);
      const pod = await read(name);
      assert.deepEqual(check(pod, facts(rootless), settings), []);
      const states = pod.status?.initContainerStatuses ?? [];
      assert.deepEqual(
        states.map((state) => state.name),
        ["gw-init", "gw", "first"],
      );
      const [gwInit, gw, first] = states.map(({ state }) => state);
      assert.equal(gwInit?.terminated?.exitCode, 0);
      const [ended, started, later] = [
        gwInit?.terminated?.finishedAt,
        gw?.running?.startedAt,
        first?.terminated?.startedAt,
      ].map((time) => new Date(String(time)).getTime());
      assert.ok(
        Number(ended) <= Number(started) && Number(started) <= Number(later),
        `${ended} ${started} ${later}`,
      );
      assert.match(await kubectl("logs", name, "--container=first"), /BROKER_UNAVAILABLE/);
    });

    test(`under rootless=${rootless} an agent gets neither past capture nor at the gateway's files`, async () => {
      await ready(name);
      const inAgent = (...command: string[]): Promise<string> =>
        kubectl("exec", name, "--container=app", "--", ...command);
      assert.equal(await inAgent("id", "--user"), rootless === "force" ? "65534\n" : "0\n");
      assert.equal(await inAgent("python3", "-c", ATTACKS), HELD);
      assert.match(await inAgent("bash", "-c", DIAL), /BROKER_UNAVAILABLE/);
      assert.equal(await inAgent("ls", "/var/run/sallyport"), "ca\n");
      assert.equal(
        await inAgent("bash", "-c", "ls /var/run/secrets 2>&1 | wc --lines; pgrep node | wc --lines"),
        "1\n0\n",
      );
    });
  }

  test("without what is forced on it, root in a container does all of that", async () => {
    await ready("uninjected");
    assert.equal(await kubectl("exec", "uninjected", "--", "python3", "-c", ATTACKS), LOOSE);
  });

  test("the kubelet lets an ephemeral container run while an init container still does, so before capture", async () => {
    await kubectl(
      "wait",
      "--for=jsonpath={.status.initContainerStatuses[0].state.running}",
      "pod/slow",
      "--timeout=60s",
    );
    const ephemeralContainers = [shell("early", "sleep infinity")];
    const patch = JSON.stringify({ spec: { ephemeralContainers } });
    await kubectl(
      "patch",
      "pod",
      "slow",
      "--subresource=ephemeralcontainers",
      "--type=strategic",
      "--patch",
      patch,
    );
    const running = "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.running}";
    await kubectl("wait", running, "pod/slow", "--timeout=60s");
    assert.ok((await read("slow")).status?.initContainerStatuses?.[0]?.state?.running);
  });
});

/** To an address that answers nobody: what answers is the gateway. */
const DIAL = "curl --silent --show-error --max-time 5 http://192.0.2.77/ 2>&1; true";
