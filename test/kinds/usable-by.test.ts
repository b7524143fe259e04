/** A Secret's own word on who may use it and for which host: what it permits, and everything that it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Connection } from "#core/api/kinds.gen.ts";
import { useOf } from "#operator/credentials/usable-by.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { connectionObject } from "./live/objects.ts";

function connection(name: string, host: string): Connection {
  return connectionObject("prod", name, { address: { host, port: 5432 } }) as unknown as Connection;
}

function isPermitted(annotation: string | undefined, name = "orders", host = "db.example.com"): boolean {
  const annotations = annotation === undefined ? undefined : { "sallyport.dev/usable-by": annotation };
  return useOf({ namespace: "prod", name: "db", annotations }, connection(name, host)).ok;
}

test("the Connection and host that the Secret names may use it", () => {
  assert.ok(isPermitted("orders@db.example.com"));
  assert.ok(isPermitted("a@x, orders@db.example.com ,b@y"));
  assert.ok(isPermitted("orders@DB.Example.com"));
  assert.ok(isPermitted("orders@2001:db8::1", "orders", "2001:DB8::1"));
});

test("anything else may not", () => {
  for (const annotation of [
    undefined,
    "",
    "orders",
    "@db.example.com",
    "orders@",
    "*@db.example.com",
    "orders@*",
    "*",
    "order@db.example.com",
    "orders@db.example.com.evil.test",
    "orders@evil.test",
    "orders@db.example.com@evil.test",
    "orders @db.example.com",
    "orders@db.example.com;x",
    "xorders@db.example.com",
  ])
    assert.ok(!isPermitted(annotation), String(annotation));
});

test("a list that is too long permits nothing, not even what it begins with", () => {
  const rest = Array.from({ length: 64 }, (_, at) => `c${at}@h`);
  assert.ok(isPermitted(["orders@db.example.com", ...rest.slice(1)].join()));
  assert.ok(!isPermitted(["orders@db.example.com", ...rest].join()));
  assert.ok(!isPermitted(`orders@db.example.com,${"x".repeat(20_000)}`));
});

test("a Secret of another namespace is never used, whatever it says", () => {
  const annotations = { "sallyport.dev/usable-by": "orders@db.example.com" };
  const use = useOf({ namespace: "other", name: "db", annotations }, connection("orders", "db.example.com"));
  assert.ok(!use.ok);
  assert.match(use.why, /other\/db is not in the namespace of the Connection prod\/orders/);
});

test("a refusal names the annotation that would permit it", () => {
  const use = useOf(
    { namespace: "prod", name: "db", annotations: {} },
    connection("orders", "db.example.com"),
  );
  assert.ok(!use.ok);
  const fix = /sallyport\.dev\/usable-by: (.+)$/.exec(use.why)?.[1];
  assert.ok(isPermitted(fix));
});

test("what is permitted names exactly the Connection and the host, for any names", () => {
  const name = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,8}[a-z0-9])?$/);
  const host = fc.stringMatching(/^[a-z0-9]([-a-z0-9.:]{0,8}[a-z0-9])?$/);
  const property = fc.property(name, host, name, host, (mine, myHost, other, otherHost) => {
    const isSame = mine === other && myHost === otherHost;
    assert.equal(isPermitted(`${other}@${otherHost}`, mine, myHost), isSame);
    assert.ok(isPermitted(`${other}@${otherHost},${mine}@${myHost}`, mine, myHost));
  });
  fc.assert(property, { numRuns: fuzzRuns(300), ...fuzzSeed() });
});
