/** What replicas share in Secrets: whoever is second takes what the first has made. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { describe, test } from "node:test";
import { openAuthority } from "#broker/authority/authority.ts";
import { authoritySecret } from "#operator/broker/authority-secret.ts";
import { secretKeyring } from "#operator/broker/kek-secret.ts";
import { type Kube } from "#operator/kube/client.ts";
import { systemClock } from "#operator/kube/clock.ts";
import { SECRETS, objectKey } from "#operator/kube/resource.ts";
import { NAMESPACE, type World, call, forever } from "../support/world.ts";

const KEK = "sallyport-broker-kek";

export function sharedCases(world: () => World): void {
  describe("what replicas share", () => {
    test("is one wrapping key, made by one of them, and known to the next; another name is none of the broker's", async () => {
      await world().kube.delete(SECRETS, objectKey(NAMESPACE, KEK), call);
      const ring = (kube: Kube = world().brokerKube, name = KEK) =>
        secretKeyring({ kube, namespace: NAMESPACE, name, clock: systemClock, signal: forever });
      const rings = Array.from({ length: 4 }, () => ring());
      for (const each of rings) assert.deepEqual(await each.read(), []);
      const made = await Promise.all(rings.map((each) => each.add()));
      for (const kek of made) assert.deepEqual(Buffer.from(kek.key), Buffer.from(made[0]?.key ?? ""));
      const [known, ...others] = await ring().read();
      assert.deepEqual(Buffer.from(known?.key ?? ""), Buffer.from(made[0]?.key ?? ""));
      assert.deepEqual(others, []);
      await assert.rejects(ring(world().brokerKube, `other-${randomUUID()}`).read(), /forbidden/);
    });

    test("is one authority, and what is not one of ours is not replaced by another", async () => {
      // Of a name of its own: that of the chart is in use. The administrator stands for the broker's right to it.
      const name = `ca-${randomUUID()}`;
      const open = () =>
        openAuthority({
          store: authoritySecret({ kube: world().kube, namespace: NAMESPACE, name }),
          names: ["broker"],
          now: Date.now,
          note: () => undefined,
          signal: forever,
        });
      const all = await Promise.all([open(), open(), open()]);
      assert.equal(new Set(all.map(({ bundlePem }) => bundlePem)).size, 1);
      const place = objectKey(NAMESPACE, name);
      const secret = await world().kube.get(SECRETS, place, call);
      assert.ok(secret !== undefined);
      const data = { "authorities.json": Buffer.from("[]").toString("base64") };
      await world().kube.update(SECRETS, { ...secret, data }, call);
      await assert.rejects(open(), /holds no authority of ours/);
    });
  });
}
