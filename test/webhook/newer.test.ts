/** During an upgrade an old replica judges what a new one has made, by the configuration that the new one was started with. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { says } from "#operator/admission/facts/namespaces.ts";
import { originOf } from "#operator/admission/origin/origin.ts";
import { ALONE } from "#test/attribution/support/owners.ts";
import { stamp } from "#operator/admission/origin/stamp.ts";
import type { InjectionSettings } from "#operator/admission/pod/contract.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { readReview } from "#operator/admission/server/review.ts";
import { validatePods } from "#operator/admission/webhooks/pods.ts";
import { parseSettings } from "#operator/config/read.ts";
import type { Kube } from "#operator/kube/client.ts";
import { KubeError } from "#operator/kube/error.ts";
import { newerRenderings } from "#operator/process/newer.ts";
import { keptLog } from "#test/kube/support/log.ts";
import { GATEWAY_UID } from "#test/pods/surroundings.ts";
import { review } from "./support/admission-port.ts";
import { manualClock } from "./support/clock.ts";
import { operatorConfig } from "./support/config.ts";

const FACTS = { namespace: "shop", rootless: "force", mayWriteOurKinds: false } as const;

/** A configuration whose gateways ask for other memory; `resolvers` are left to be looked up, as the chart leaves them. */
function configuration(memory: string, former: readonly object[] = []): string {
  const config = operatorConfig();
  const injection = config["injection"] as InjectionSettings;
  const { rootless: _, ...before } = injection;
  const resources = { ...injection.resources, gateway: { requests: { cpu: "10m", memory } } };
  const kept = [...former, { ...before, resolvers: [] }];
  return JSON.stringify({ ...config, injection: { ...injection, resources, resolvers: [], former: kept } });
}

function injectionIn(json: string): InjectionSettings {
  const settings = parseSettings(json);
  assert.ok("injection" in settings, JSON.stringify(settings));
  return { ...settings.injection, resolvers: ["10.96.0.10"] };
}

/** An old replica, in a cluster whose ConfigMap says `json` by now, and what it is asked about: a pod injected by `settings`. */
function oldReplica(json: () => string) {
  const clock = manualClock();
  let lookUps = 0;
  const get = (async () => {
    lookUps += 1;
    return { metadata: { name: "sallyport-operator" }, data: { "operator.json": json() } };
  }) as unknown as Kube["get"];
  const { log, lines } = keptLog();
  const webhook = validatePods({
    settings: injectionIn(JSON.stringify(operatorConfig())),
    attribution: ALONE,
    newer: newerRenderings({
      kube: { get },
      configMap: { namespace: "sallyport-system", name: "sallyport-operator" },
      resolvers: ["10.96.0.10"],
      clock,
      log,
      signal: new AbortController().signal,
    }),
    namespaces: async () => says("shop", {}, "force"),
    writers: { writesOf: async () => undefined },
  });
  const judge = async (settings: InjectionSettings) => {
    const pod = { metadata: { name: "agent" }, spec: { containers: [{ name: "app", image: "app" }] } };
    const made = inject(pod, FACTS, settings, GATEWAY_UID);
    const asked = readReview(JSON.parse(review({})) as unknown);
    const origin = originOf(asked.userInfo);
    assert.ok(made.outcome === "injected" && origin.outcome === "read");
    const object = stamp(made.pod, origin.origin);
    return webhook.judge(readReview(JSON.parse(review({ object })) as unknown), new AbortController().signal);
  };
  return { judge, clock, lines, lookUps: () => lookUps };
}

const NEW = configuration("80Mi");

test("what a newer replica injects is let in, once its configuration stands in the cluster, and nothing else", async () => {
  let standing = JSON.stringify(operatorConfig());
  const { judge, clock } = oldReplica(() => standing);
  assert.equal((await judge(injectionIn(NEW))).outcome, "refused", "before the upgrade nobody injects that");
  standing = NEW;
  clock.advance(1_000);
  assert.equal((await judge(injectionIn(NEW))).outcome, "allowed");
  assert.equal((await judge(injectionIn(configuration("8Mi")))).outcome, "refused");
});

test("nothing is looked up for a gateway that is known, and no more than once a second for others", async () => {
  const { judge, clock, lookUps } = oldReplica(() => NEW);
  assert.equal((await judge(injectionIn(JSON.stringify(operatorConfig())))).outcome, "allowed");
  assert.equal(lookUps(), 0);
  for (let attempt = 0; attempt < 10; attempt += 1) await judge(injectionIn(configuration("8Mi")));
  assert.equal(lookUps(), 1);
  clock.advance(1_000);
  await judge(injectionIn(configuration("8Mi")));
  assert.equal(lookUps(), 2);
});

test("where that cannot be read or is of another version, the pod is refused as it would be without", async () => {
  const failing = oldReplica(() => {
    throw new KubeError({ status: 403, reason: "Forbidden", message: "no" });
  });
  assert.equal((await failing.judge(injectionIn(NEW))).outcome, "refused");
  assert.match(failing.lines.join(""), /cannot be looked up/);
  const other = oldReplica(() => NEW.replace('"lease"', '"leases"'));
  assert.equal((await other.judge(injectionIn(NEW))).outcome, "refused");
});
