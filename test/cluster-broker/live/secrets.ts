/** Credentials in Secrets: only where the Secret itself permits it, and always as it is at that moment. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { takingEnvironment } from "#broker/environment.ts";
import type { NoSecret } from "#broker/pods/pods.ts";
import { passwordsOf } from "#broker/sources/password.ts";
import type { Upstream } from "#broker/sources/source.ts";
import { staticSource } from "#broker/sources/static.ts";
import type { Connection } from "#core/api/kinds.gen.ts";
import { isRefusal } from "#core/values/refusal.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import { ANNOTATIONS } from "#operator/names.ts";
import { SECRETS, objectKey } from "#operator/kube/resource.ts";
import { type World, call, forever } from "../support/world.ts";

const HOST = "db.example.com";

export function secretCases(world: () => World): void {
  let namespace = "";
  before(async () => {
    namespace = await world().enforced();
  });

  const upstream = (where = namespace, host = HOST): Upstream => {
    const spec: Connection["spec"] = {
      protocol: "postgres",
      address: { host, port: 5432 },
      postgres: { user: "reader", database: "shop" },
      credential: { mode: "static", source: { secret: { name: "orders-db", key: "password" } } },
    };
    return { ref: { namespace: where, name: "orders" }, spec };
  };
  const read = (of: Upstream, key = "password"): Promise<SecretBytes | NoSecret> =>
    world()
      .replica()
      .secret({ connection: { metadata: of.ref, spec: of.spec }, name: "orders-db", key }, forever);
  const put = async (where: string, data: string, usableBy: string): Promise<void> => {
    await world().kube.delete(SECRETS, objectKey(where, "orders-db"), call);
    const metadata = {
      name: "orders-db",
      namespace: where,
      annotations: { [ANNOTATIONS.usableBy]: usableBy },
    };
    const password = Buffer.from(data).toString("base64");
    await world().kube.create(SECRETS, { metadata, data: { password } }, call);
  };

  describe("a Secret", () => {
    test("that names the Connection and its host is read, anew each time, without its line break", async () => {
      await put(namespace, "first\n", `orders@${HOST}`);
      assert.equal(text(await read(upstream())), "first");
      await put(namespace, "second", `other@elsewhere, orders@${HOST}`);
      assert.equal(text(await read(upstream())), "second");
    });
    test("that names another host, is not there, has no such key or no usable one, is not", async () => {
      await put(namespace, "secret", `orders@${HOST}`);
      const cases: readonly (readonly [NoSecret["reason"], Promise<SecretBytes | NoSecret>])[] = [
        ["not-permitted", read(upstream(namespace, "evil.example.com"))],
        ["missing", read(upstream(), "token")],
        ["missing", read(upstream(), "__proto__")],
      ];
      for (const [reason, answer] of cases) assert.equal(why(await answer).reason, reason);
      await put(namespace, "\n", `orders@${HOST}`);
      assert.equal(why(await read(upstream())).reason, "unusable");
      await world().kube.delete(SECRETS, objectKey(namespace, "orders-db"), call);
      assert.equal(why(await read(upstream())).reason, "missing");
    });
    test("of a namespace that does not bear the label is not read, and the words say so", async () => {
      const other = await world().guarded.api.namespace();
      await put(other, "secret", `orders@${HOST}`);
      const answer = why(await read(upstream(other)));
      assert.equal(answer.reason, "not-permitted");
      assert.match(answer.why, /bear the label sallyport\.dev\/enforce/);
    });
  });

  describe("in a cluster", () => {
    const noted: Record<string, unknown>[] = [];
    const deps = () => ({
      environment: takingEnvironment({ PASSWORD: "the broker's own" }),
      secrets: world().replica(),
      note: (_: string, fields: Record<string, unknown>) => void noted.push(fields),
    });
    const request = (of: Upstream) => ({ upstream: of, subject: "s", untilMs: Date.now() + 60_000 });

    test("a Connection has its credential from a Secret, and the cause of a refusal goes to the log alone", async () => {
      await put(namespace, "secret", `orders@${HOST}`);
      const source = staticSource("secret", deps());
      assert.ok(!isRefusal(await source.lease(request(upstream()), forever)));
      const refused = await source.lease(request(upstream(namespace, "evil.example.com")), forever);
      assert.ok(isRefusal(refused));
      assert.equal(refused.code, "CREDENTIAL_UNAVAILABLE");
      assert.ok(!refused.publicText.includes("orders-db"));
      assert.match(String(noted.at(-1)?.["cause"]), /orders-db may not be used by the Connection orders/);
    });
    test("nothing of the broker's own host is read, though it is there", async () => {
      const { environment, secrets } = deps();
      const reference = { env: { name: "PASSWORD" } };
      const wanted = { reference, field: "f", upstream: upstream(), signal: forever };
      await assert.rejects(passwordsOf({ environment, secrets }).read(wanted), /in a cluster/);
      using own = await passwordsOf({ environment }).read(wanted);
      assert.equal(Buffer.from(own.reveal()).toString(), "the broker's own");
      for (const place of ["file", "env"] as const)
        assert.ok(staticSource(place, deps()).check(upstream()) !== undefined, place);
    });
  });
}

function text(answer: SecretBytes | NoSecret): string {
  if ("why" in answer) throw new Error(answer.why);
  using secret = answer;
  return Buffer.from(secret.reveal()).toString();
}

function why(answer: SecretBytes | NoSecret): NoSecret {
  assert.ok("why" in answer, "it was read");
  return answer;
}
