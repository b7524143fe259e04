/** What an agent may do in its pod, as root or as nobody, and what a release says of the rest. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ANNOTATIONS, FORCED_UID, LABELS, SERVICE_ACCOUNT_FOLDER } from "#operator/names.ts";
import { NO_TOKEN } from "#sidecar/protocols/kubernetes/marker.ts";
import { skipWithoutNodeTier } from "#test/support/cluster.ts";
import { ESCAPES, escapes } from "./support/attacks.ts";
import { psqlOfAgent } from "./support/orders.ts";
import { DIAL, namespace, pod, shell, sleeper, spec } from "./support/pods.ts";
import { type Release, installRelease } from "./support/release.ts";
import { assertOrdered, python, read, whenReady } from "./support/seen.ts";

const SHOP = "shop";
const ROOT = "root";
const OUTSIDE = "outside";
const UNIDENTIFIED = 41_873;

describe("agents on a node", { skip: skipWithoutNodeTier() }, () => {
  let release: Release;
  before(async () => {
    release = await installRelease();
    await release.apply(
      namespace(ROOT, { [LABELS.enforce]: "", [LABELS.rootless]: "rootNoCaps" }),
      namespace(OUTSIDE),
      ...[ROOT, SHOP].map((at) =>
        pod(at, "ordered", spec([sleeper()], { initContainers: [shell("first", DIAL)] })),
      ),
      pod(OUTSIDE, "loose", spec([sleeper({ securityContext: { capabilities: { add: ["NET_ADMIN"] } } })])),
      ...[OUTSIDE, SHOP].map((at) =>
        pod(at, "slow", spec([sleeper()], { initContainers: [shell("wait", "sleep infinity")] })),
      ),
      ...connections(),
    );
  });
  after(() => release?.[Symbol.asyncDispose]());

  test("a root without capabilities changes nothing of the order in which a pod starts", () =>
    assertOrdered(release, ROOT));

  for (const at of [SHOP, ROOT])
    test(`in ${at} an agent gets neither past capture nor at what is the gateway's`, async () => {
      await Promise.all([whenReady(release, at, "ordered"), whenReady(release, OUTSIDE, "loose")]);
      const { annotations } = (await read(release, at, "pod ordered")).metadata ?? {};
      const { uid: gatewayUid } = JSON.parse(annotations?.[ANNOTATIONS.injected] ?? "{}") as { uid: number };
      const inAgent = (script: string): Promise<string> => release.inAgent(at, "ordered", script);
      assert.equal(await inAgent("id --user"), `${at === ROOT ? 0 : FORCED_UID}\n`);
      assert.equal(await inAgent(python(escapes(gatewayUid))), each(ESCAPES, "Operation not permitted"));
      assert.equal(
        await inAgent(`ls /var/run/sallyport; cd ${SERVICE_ACCOUNT_FOLDER}; ls; cat token; pgrep node; true`),
        `ca\nca.crt\nca.pem\nnamespace\ntoken\n${NO_TOKEN}`,
      );
    });

  test("without Sallyport, root in a container does all of that", async () => {
    await whenReady(release, OUTSIDE, "loose");
    const done = await release.inAgent(OUTSIDE, "loose", python(escapes(UNIDENTIFIED)));
    assert.equal(done, each(ESCAPES, "works"));
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
    assert.ok((await read(release, OUTSIDE, "pod slow")).status?.initContainerStatuses?.[0]?.state?.running);
    // In a labelled namespace that is after gw-init has ended.
    await release.kubectl(`wait --namespace ${SHOP} ${waiting.replace("[0]", "[2]")}`);
    const refused = await release.run(debug(SHOP));
    assert.match(refused.output, /SYS_PTRACE could read other processes. Fix: .*--profile=restricted/);
    await release.sh(`${debug(SHOP).replace(" --image", " --profile=restricted --image")}`);
    await release.kubectl(`wait --namespace ${SHOP} ${running}`);
  });
});

const each = (names: readonly string[], outcome: string): string =>
  names.map((name) => `${name} ${outcome}\n`).join("");

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
