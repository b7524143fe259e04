/** What a user of a cluster meets: a release installed by the README, a labelled namespace, and the pods that are made in it. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { V1ContainerStatus, V1Pod } from "@kubernetes/client-node";
import { ANNOTATIONS, FORCED_UID, LABELS, SERVICE_ACCOUNT_FOLDER } from "#operator/names.ts";
import { NO_TOKEN } from "#sidecar/protocols/kubernetes/marker.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { DEPARTED, ESCAPES, KEPT_IN, PEER, type World, departures, escapes } from "./support/attacks.ts";
import { commandsOf, runAsWritten } from "./support/pages.ts";
import { DIAL, deployment, job, namespace, pod, shell, sleeper, spec } from "./support/pods.ts";
import { psqlOfAgent } from "./support/orders.ts";
import { type Release, installRelease } from "./support/release.ts";

const SHOP = "shop";
const ROOT = "root";
const OUTSIDE = "outside";
const UNIDENTIFIED = 41_873;

describe("a release on a node", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.apply(
      namespace(ROOT, { [LABELS.enforce]: "", [LABELS.rootless]: "rootNoCaps" }),
      namespace(OUTSIDE),
      ...[ROOT, SHOP].map((at) =>
        pod(at, "ordered", spec([sleeper()], { initContainers: [shell("first", DIAL)] })),
      ),
      job(SHOP, "once", DIAL),
      deployment(SHOP, "refused", { ...spec([sleeper()]), hostNetwork: true }),
      pod(OUTSIDE, "peer", spec([{ ...sleeper(), command: ["python3", "-c", PEER] }])),
      pod(OUTSIDE, "loose", spec([sleeper({ securityContext: { capabilities: { add: ["NET_ADMIN"] } } })])),
      ...[OUTSIDE, SHOP].map((at) =>
        pod(at, "slow", spec([sleeper()], { initContainers: [shell("wait", "sleep infinity")] })),
      ),
      ...connections(),
    );
  });
  after(() => release?.[Symbol.asyncDispose]());

  const ready = (at: string, name: string): Promise<string> =>
    release.kubectl(`wait --namespace ${at} --for=condition=Ready pod/${name} --timeout=60s`);
  const read = async (at: string, words: string): Promise<V1Pod> =>
    JSON.parse(await release.kubectl(`get --namespace ${at} ${words} --output=json`)) as V1Pod;

  test("five commands lead from nothing to an injected pod that is Ready", async (t) => {
    const { items } = (await read(SHOP, "pods --selector=app=agent")) as unknown as { items: V1Pod[] };
    assert.equal(items.length, 1);
    const [made] = items;
    assert.deepEqual(namesOf(made?.spec?.initContainers), ["gw-init", "gw"]);
    assert.ok(made?.status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True"));
    for (const [name, value] of Object.entries(release.figures)) t.diagnostic(`figure ${name}=${value}`);
  });

  for (const commands of commandsOf("README.md").slice(1))
    test(`${commands.place} does what it says`, async () => void (await runAsWritten(release, commands)));

  for (const at of [SHOP, ROOT]) {
    test(`in ${at} rules come first, then the gateway, then what the pod's author wrote`, async () => {
      await ready(at, "ordered");
      const { status } = await read(at, "pod ordered");
      const [gwInit, gw, first] = status?.initContainerStatuses ?? [];
      const [agent] = status?.containerStatuses ?? [];
      assert.deepEqual(namesOf(status?.initContainerStatuses), ["gw-init", "gw", "first"]);
      const times = [ended(gwInit), started(gw), started(first), ended(first), started(agent)];
      assert.deepEqual(times, times.toSorted(), "in this order");
      assert.ok(gw?.started === true && gwInit?.state?.terminated?.exitCode === 0);
      const said = await release.kubectl(`logs --namespace ${at} ordered --container=first`);
      assert.match(said, /DESTINATION_UNKNOWN/, "captured from its first init container on");
    });

    test(`in ${at} an agent gets neither past capture nor at what is the gateway's`, async () => {
      await Promise.all([ready(at, "ordered"), ready(OUTSIDE, "loose")]);
      const { annotations } = (await read(at, "pod ordered")).metadata ?? {};
      const { uid: gatewayUid } = JSON.parse(annotations?.[ANNOTATIONS.injected] ?? "{}") as { uid: number };
      const inAgent = (script: string): Promise<string> => release.inAgent(at, "ordered", script);
      assert.equal(await inAgent("id --user"), `${at === ROOT ? 0 : FORCED_UID}\n`);
      assert.equal(await inAgent(python(escapes(gatewayUid))), each(ESCAPES, "Operation not permitted"));
      assert.equal(
        await inAgent(`ls /var/run/sallyport; cd ${SERVICE_ACCOUNT_FOLDER}; ls; cat token; pgrep node; true`),
        `ca\nca.crt\nca.pem\nnamespace\ntoken\n${NO_TOKEN}`,
      );
    });
  }

  test("without Sallyport, root in a container does all of that", async () => {
    await ready(OUTSIDE, "loose");
    const done = await release.inAgent(OUTSIDE, "loose", python(escapes(UNIDENTIFIED)));
    assert.equal(done, each(ESCAPES, "works"));
  });

  test("nothing leaves the pod, and who tries is told why", async () => {
    await Promise.all([ready(OUTSIDE, "peer"), ready(OUTSIDE, "loose"), ready(SHOP, "ordered")]);
    const peer = (await read(OUTSIDE, "pod peer")).status?.podIP ?? "";
    const world: World = { peer, apiServer: "10.96.0.1", resolver: "10.96.0.10" };
    assert.match(await release.inAgent(SHOP, "ordered", python(departures(world))), KEPT_IN);
    assert.equal(await release.kubectl(`logs --namespace ${OUTSIDE} peer`), "listening\n");
    // The twin: the same program where there is no gateway.
    assert.equal(await release.inAgent(OUTSIDE, "loose", python(departures(world))), DEPARTED);
    assert.match(
      await release.kubectl(`logs --namespace ${OUTSIDE} peer`),
      /heard b'GET [^]*heard b'datagram'/,
    );
    const psql = "psql --no-psqlrc 'postgresql://agent@192.0.2.77/shop' --command='select 1' 2>&1; true";
    assert.match(
      await release.inAgent(SHOP, "ordered", psql),
      /DETAIL: +Refused by the gateway: DESTINATION_UNKNOWN/,
    );
  });

  test("a Job completes, though a sidecar is in it", async () => {
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Complete job/once --timeout=60s`);
    assert.match(
      await release.kubectl(`logs --namespace ${SHOP} job/once --container=once`),
      /DESTINATION_UNKNOWN/,
    );
  });

  test("a pod that is refused is told of where its author looks, with the field and the fix", async () => {
    const told = /spec\.hostNetwork: shares the network of its node.* Fix: Remove hostNetwork/;
    const wait = `wait --namespace ${SHOP} --for=condition=ReplicaFailure deployment/refused --timeout=30s`;
    await release.kubectl(wait);
    assert.match(
      await release.kubectl(`describe --namespace ${SHOP} replicaset --selector=app=refused`),
      told,
    );
    const condition = `get --namespace ${SHOP} deployment refused --output=jsonpath={.status.conditions[?(@.type=="ReplicaFailure")].message}`;
    assert.match(await release.kubectl(condition), told);
    assert.match(await release.kubectl(`events --namespace ${SHOP} --types=Warning`), told);
  });

  test("an agent may no more than policy says, and the policy is in force at every gateway", async () => {
    const drop = await release.run(psqlOfAgent("drop table orders"));
    assert.match(
      drop.output,
      /ERROR: {2}no rule allows this: ddl on public\.orders\nDETAIL: .* DENY_NO_RULE/,
    );
    assert.equal(drop.code, 1);
    await release.kubectl(
      `wait --namespace ${SHOP} --for=condition=Enforced secretaccesspolicy/reporting --timeout=30s`,
    );
  });

  test("a Connection is Ready when its credential can be had, or when it needs none", async () => {
    await release.kubectl(`wait --namespace ${SHOP} --for=condition=Ready connection/open --timeout=30s`);
    const asked = `wait --namespace ${SHOP} --for=condition=Ready=False connection/closed --timeout=30s`;
    await release.kubectl(asked);
    const reason = '{.status.conditions[?(@.type=="CredentialAvailable")].reason}';
    const words = `get --namespace ${SHOP} connection closed --output=jsonpath=${reason}`;
    assert.equal(await release.kubectl(words), "SecretMissing");
    await release.kubectl(`wait --for=condition=sallyport.dev/Enforced namespace/${SHOP} --timeout=30s`);
  });

  test("an ephemeral container, which the kubelet starts beside init containers, is let in when rules stand, and asks for little", async () => {
    const debug = (at: string): string =>
      `kubectl debug --namespace ${at} pod/slow --image=${release.agent} --container=early -- sleep infinity`;
    const waiting = "--for=jsonpath={.status.initContainerStatuses[0].state.running} pod/slow --timeout=60s";
    await release.kubectl(`wait --namespace ${OUTSIDE} ${waiting}`);
    await release.sh(debug(OUTSIDE));
    const running =
      "--for=jsonpath={.status.ephemeralContainerStatuses[0].state.running} pod/slow --timeout=60s";
    await release.kubectl(`wait --namespace ${OUTSIDE} ${running}`);
    assert.ok((await read(OUTSIDE, "pod slow")).status?.initContainerStatuses?.[0]?.state?.running);
    // In a labelled namespace that is after gw-init has ended.
    await release.kubectl(`wait --namespace ${SHOP} ${waiting.replace("[0]", "[2]")}`);
    const refused = await release.run(debug(SHOP));
    assert.match(refused.output, /SYS_PTRACE could read other processes. Fix: .*--profile=restricted/);
    await release.sh(`${debug(SHOP).replace(" --image", " --profile=restricted --image")}`);
    await release.kubectl(`wait --namespace ${SHOP} ${running}`);
  });
});

const python = (program: string): string => `python3 - <<'PROGRAM'\n${program}\nPROGRAM`;
const each = (names: readonly string[], outcome: string): string =>
  names.map((name) => `${name} ${outcome}\n`).join("");
const namesOf = (items: readonly { readonly name: string }[] = []): readonly string[] =>
  items.map(({ name }) => name);

function started(status: V1ContainerStatus | undefined): string {
  const { running, terminated } = status?.state ?? {};
  return String(running?.startedAt ?? terminated?.startedAt);
}

const ended = (status: V1ContainerStatus | undefined): string =>
  String(status?.state?.terminated?.finishedAt);

function connections() {
  const connection = (name: string, of: object) => ({
    apiVersion: "sallyport.dev/v1alpha1",
    kind: "Connection",
    metadata: { namespace: SHOP, name },
    spec: { address: { host: "upstream.shop.svc", port: 5432 }, ...of },
  });
  const source = { secret: { name: "not-there", key: "password" } };
  return [
    connection("open", { protocol: "tcp", credential: { mode: "none" }, tcp: {} }),
    connection("closed", {
      protocol: "postgres",
      credential: { mode: "static", source },
      postgres: { database: "shop", user: "agent" },
    }),
  ];
}
