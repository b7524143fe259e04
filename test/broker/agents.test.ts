/** What the page of metrics says of agents: of those that are connected, and of nobody else. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { openBrokerMeters, openBrokerMetrics } from "#broker/process/metrics.ts";
import type { PodPeer } from "#broker/pods/pods.ts";
import type { Ancestor } from "#core/policy/facts.ts";
import { refusal } from "#core/values/refusal.ts";
import { allowing, connectionKind, staticRig } from "./support/broker.ts";
import { forEver } from "./support/upstream.ts";

const ada: Ancestor = { kind: "person", identity: { user: { name: "ada", groups: [] } } };
const agent = (name: string): Ancestor => ({
  kind: "agent",
  identity: {
    serviceAccount: { namespace: "shop", name },
    pod: { namespace: "shop", name, uid: `uid-of-${name}` },
  },
});

function peer(name: string, ancestors: readonly Ancestor[] | undefined): PodPeer {
  const refuse = async () => refusal("POD_UNCHECKED");
  return {
    uid: `uid-of-${name}`,
    pod: { namespace: "shop", name },
    plannedFor: { serviceAccount: { namespace: "shop", name } },
    ancestors,
    expiresMs: Number.POSITIVE_INFINITY,
    identify: refuse,
    stillTrusted: refuse,
    isAdoptable: false,
  };
}

async function opened(context: TestContext) {
  const rig = await staticRig(context);
  const trail = { health: { state: "ready" } } as const;
  const { registry } = openBrokerMetrics(rig.broker, trail, () => [], openBrokerMeters());
  const series = async (name: string): Promise<readonly string[]> =>
    (await registry.metrics()).split("\n").filter((line) => line.startsWith(`${name}{`));
  const joined = async (of: PodPeer) => {
    const port = rig.broker.attach(of);
    await port.hello({ versions: [1], worker: of.uid, run: `${of.uid}/1` }, forEver);
    let version = "";
    port.subscribe((push) => {
      if (push.kind === "plan") version = push.version;
    }, forEver);
    return { port, apply: () => port.applied(of.uid, version) };
  };
  return { rig, series, joined };
}

test("each agent is there with who launched it and the first of its family", async (context) => {
  const { series, joined } = await opened(context);
  await joined(peer("planner", [ada]));
  await joined(peer("summarise", [agent("planner"), ada]));
  const fetch = await joined(peer("fetch", [agent("summarise"), agent("planner"), ada]));
  await joined(peer("new", undefined));
  const line = (name: string, by: string, family: string, generation: string): string =>
    `sallyport_agent_info{agent="shop/${name}",launched_by="${by}",family="${family}",generation="${generation}"} 1`;
  const others = [
    line("planner", "person", "shop/planner", "0"),
    line("summarise", "shop/planner", "shop/planner", "1"),
  ];
  const unknown = line("new", "unknown", "unknown", "unknown");
  const grandchild = line("fetch", "shop/summarise", "shop/planner", "2");
  assert.deepEqual(await series("sallyport_agent_info"), [...others, grandchild, unknown]);
  fetch.port.detach();
  assert.deepEqual(await series("sallyport_agent_info"), [...others, unknown]);
});

test("an agent's gateway is behind until it has said that it applies its own plan", async (context) => {
  const { rig, series, joined } = await opened(context);
  const { apply } = await joined(peer("planner", [ada]));
  const says = (value: 0 | 1) => [`sallyport_agent_plan_applied{agent="shop/planner"} ${value}`];
  assert.deepEqual(await series("sallyport_agent_plan_applied"), says(0));
  apply();
  assert.deepEqual(await series("sallyport_agent_plan_applied"), says(1));
  const connections = [connectionKind(rig.spec)];
  const forPlanner = allowing("planner", { subjects: [{ serviceAccount: { name: "planner" } }] });
  rig.broker.update(rig.configure({ connections, policies: [allowing("agent"), forPlanner] }));
  assert.deepEqual(await series("sallyport_agent_plan_applied"), says(0));
  apply();
  assert.deepEqual(await series("sallyport_agent_plan_applied"), says(1));
  rig.broker.update(rig.configure({ connections, policies: [forPlanner] }));
  assert.deepEqual(
    await series("sallyport_agent_plan_applied"),
    says(1),
    "what others may do is not its plan",
  );
  assert.deepEqual(
    await series("sallyport_plan_applied"),
    [],
    "it stands beside a pod, and is no worker of this machine",
  );
});
