/** Our own kinds, as people write them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CONNECTIONS, POLICIES } from "#operator/kube/resource.ts";
import { type World, forever } from "../support/world.ts";
import { refusal } from "./pods.ts";

const call = { signal: forever };

const policy = (tables: readonly string[]) => ({
  subjects: [{ serviceAccount: { name: "agent" } }],
  connections: { names: ["orders"] },
  allow: [{ name: "read", postgres: { statements: ["read"], tables } }],
});

export function kindCases(world: () => World): void {
  test("a policy that does not compile is refused in the compiler's words; one that does is taken", async () => {
    const { kube, api } = world();
    // Kinds are judged in every namespace: the label is about pods.
    const namespace = await api.namespace();
    const object = (tables: readonly string[]) => ({
      metadata: { name: "reporting", namespace },
      spec: policy(tables),
    });
    const made = await kube.create(POLICIES, object(["public.orders"]), call);
    assert.equal(made.metadata.name, "reporting");
    const broken = {
      ...policy(["public.orders"]),
      allow: [{ name: "read", postgres: { statements: ["read"] } }],
    };
    const { message, status } = await refusal(() =>
      kube.update(
        POLICIES,
        { ...made, spec: { ...broken, deny: [{ name: "read", postgres: { tables: ["a.b.c.d"] } }] } },
        call,
      ),
    );
    assert.ok(status === 403 || status === 422, message);
    assert.match(message, /spec\.(deny|allow)/);
  });

  test("what names something of the broker's own host is refused in a cluster", async () => {
    const { kube, api } = world();
    const namespace = await api.namespace();
    const create = (source: object) => {
      const spec = {
        protocol: "postgres",
        address: { host: "orders.example.com", port: 5432 },
        credential: { mode: "static", source },
        postgres: { database: "orders", user: "app" },
      };
      const object = { metadata: { name: "orders", namespace }, spec };
      return kube.create(CONNECTIONS, object, { ...call, dryRun: true });
    };
    const { message } = await refusal(() => create({ file: { path: "/var/run/secrets/token" } }));
    assert.match(message, /kinds\.validate\.sallyport\.dev.*spec\.credential\.source\.file/s);
    assert.equal((await create({ secret: { name: "orders", key: "password" } })).metadata.name, "orders");
  });
}
