/** Who may call: with a client certificate asked for, the API server that shows one, and nobody else. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { PODS } from "#operator/kube/resource.ts";
import { makeAuthority } from "#runtime/certificate/make.ts";
import { DAY_MS, review } from "../support/admission-port.ts";
import { SHOWN_NAME, type ShownIdentity } from "../support/shown-identity.ts";
import { type World, forever, ready, until } from "../support/world.ts";
import { post } from "./outages.ts";
import { app, refusal } from "./pods.ts";

export function callerCases(world: () => World, identity: () => ShownIdentity): void {
  test("asked for a client certificate, the API server shows it; a stranger is turned away, and counted", async () => {
    const { kube, settings, enforced } = world();
    const { caFile, authority } = identity();
    const clientCertificate = { caFile, commonNames: [SHOWN_NAME] };
    const replica = await world().replica({
      settings: { webhook: { ...settings.webhook, clientCertificate } },
    });
    await ready(replica);
    const namespace = await enforced();
    const create = () =>
      kube.create(
        PODS,
        { metadata: { generateName: "agent-", namespace } as never, spec: { containers: [app] } },
        { signal: forever },
      );
    assert.equal((await create()).spec?.initContainers?.[0]?.name, "gw-init");
    const { port } = await replica.operator.serving;
    assert.equal((await post(port, "/mutate/pods", review())).status, 403);
    const metrics = await replica.metrics();
    assert.match(metrics, /callers_total\{caller="unverified"\} 1$/m);
    assert.match(metrics, /callers_total\{caller="verified"\} \d/);
    assert.match(metrics, /turned_away_total\{reason="caller"\} 1$/m);

    // The file is somebody else's to renew: what it says from then on holds.
    writeFileSync(caFile, makeAuthority("somebody else", Date.now(), DAY_MS).certificatePem);
    const { message } = await until("the new file is in force", async () => {
      world().balancer.cut();
      return create().then(
        () => undefined,
        (error: unknown) => error as Error,
      );
    });
    assert.match(message, /failed calling webhook/);
    writeFileSync(caFile, authority.certificatePem);
    await until("the old one is again", async () => {
      world().balancer.cut();
      return create().catch(() => undefined);
    });
    assert.ok(
      await refusal(() =>
        kube.create(
          PODS,
          { metadata: { name: "x", namespace }, spec: { containers: [app], hostNetwork: true } },
          { signal: forever },
        ),
      ),
    );
    await replica.stop();
  });
}
