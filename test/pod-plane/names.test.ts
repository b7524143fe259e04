/** Names in a pod: how they are read, which are known, and the addresses that stand for them. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { answerQuestion } from "#core/wire/dns/answer.ts";
import { type Question, readQuestion } from "#core/wire/dns/question.ts";
import { isLaden, judgeName } from "#sidecar/pod/names/judge.ts";
import { canonical, spellings } from "#sidecar/pod/names/spelling.ts";
import { type VirtualOptions, openVirtualNames } from "#sidecar/pod/names/virtual.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { query } from "./support/query.ts";

const asked = (name: string, type = 1): Question => {
  const read = readQuestion(query(name, type));
  assert.ok(read.kind === "question");
  return read.question;
};

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).join(".");

test("a question is read as its asker meant it, and repeated letter by letter", () => {
  const question = asked("Orders.SHOP.svc.cluster.local", 28);
  assert.equal(question.name, "orders.shop.svc.cluster.local");
  assert.equal(question.type, 28);
  const answer = answerQuestion(query("Orders.SHOP.svc.cluster.local", 28), question, { code: "ok" });
  assert.ok(answer.includes("Orders"));
});

test("labels that no host has make no name: a dot in a label is not a dot between two", () => {
  const dotted = Buffer.concat([
    query("x").subarray(0, 12),
    Buffer.from([11]),
    Buffer.from("orders.shop"),
    Buffer.from([0, 0, 1, 0, 1]),
  ]);
  const read = readQuestion(dotted);
  assert.ok(read.kind === "question");
  assert.equal(read.question.name, undefined);
});

test("whatever is sent, reading ends, and what is read lies in it", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), fc.nat(60), (bytes, cut) => {
      for (const packet of [Buffer.from(bytes), query("orders.shop", 1, { edns: true }).subarray(0, cut)]) {
        const read = readQuestion(packet);
        if (read.kind !== "question") continue;
        assert.ok(read.question.section.length <= 255 + 4);
        assert.ok(packet.includes(read.question.section));
      }
    }),
    { numRuns: fuzzRuns(2_000), ...fuzzSeed() },
  );
});

test("pointers are no names: a question that points at itself is malformed", () => {
  const looped = Buffer.concat([query("a").subarray(0, 12), Buffer.from([0xc0, 12, 0, 1, 0, 1])]);
  assert.equal(readQuestion(looped).kind, "malformed");
});

test("all ways to write a service are one name", () => {
  for (const spelling of ["orders", "orders.shop", "Orders.Shop.svc", "orders.shop.svc.cluster.local."])
    assert.equal(canonical(spelling, "shop"), "orders.shop", spelling);
  assert.equal(canonical("orders.shop.svc.k8s.corp", "other"), "orders.shop");
  assert.equal(canonical("db-0.orders.shop.svc.cluster.local", "shop"), "db-0.orders.shop");
  // What a resolver asks for on its way to a name outside.
  assert.equal(canonical("db.example.com.svc.cluster.local", "shop"), "db.example.com");
  assert.notEqual(canonical("orders", "other"), canonical("orders", "shop"));
  assert.notEqual(canonical("orders.shop.shop.svc.cluster.local", "shop"), "orders.shop");
  assert.notEqual(canonical("svc.example.com", "shop"), "");
});

test("a certificate is for every way to write a name, and each of them leads back to it", () => {
  assert.deepEqual(spellings("orders.shop", "shop"), [
    "orders",
    "orders.shop",
    "orders.shop.svc",
    "orders.shop.svc.cluster.local",
  ]);
  assert.ok(!spellings("orders.other", "shop").includes("orders"));
  for (const name of ["orders.shop", "db.example.com", "db-0.orders.shop"])
    for (const spelling of spellings(name, "shop")) assert.equal(canonical(spelling, "shop"), name);
});

const table = (more: Partial<VirtualOptions> = {}) =>
  openVirtualNames({ saved: {}, save: () => undefined, nowMs: () => 0, ...more });

test("a name has the same two addresses always, and they lead back to it", () => {
  const names = table();
  const first = names.addressesOf("orders.shop");
  assert.deepEqual(names.addressesOf("orders.shop"), first);
  assert.match(text(first?.ipv4), /^198\.1[89]\./);
  assert.equal(names.nameAt(text(first?.ipv4)), "orders.shop");
  const groups =
    Buffer.from(first?.ipv6 ?? [])
      .toString("hex")
      .match(/.{4}/g) ?? [];
  assert.equal(names.nameAt(groups.join(":")), "orders.shop");
  for (const [address, isOurs] of [
    ["198.18.0.0", false],
    ["198.19.255.255", false],
    ["198.17.255.255", false],
    ["198.20.0.1", false],
    ["198.18.0.1", true],
    ["2001:2:0:5a11::1", true],
    ["2001:2:0:5a12::1", false],
    ["2001:2:0:5a11::", false],
    ["::ffff:198.18.0.1", false],
  ] as const)
    assert.equal(names.covers(address), isOurs, address);
  assert.equal(names.nameAt("203.0.113.7"), undefined);
});

test("a gateway that was started again knows what the one before gave out", () => {
  let saved: Readonly<Record<string, number>> = {};
  const before = table({ save: (taken) => (saved = taken) });
  const given = Array.from({ length: 200 }, (_, at) => [
    `db-${at}.shop`,
    text(before.addressesOf(`db-${at}.shop`)?.ipv4),
  ]);
  // In another order, as names that meet in one place would show.
  const after = table({ saved });
  for (const [name = "", address] of given.toReversed())
    assert.equal(text(after.addressesOf(name)?.ipv4), address);
  assert.equal(new Set(given.map(([, address]) => address)).size, 200);
});

test("what was saved by nobody of ours is not believed", () => {
  const names = table({ saved: { a: 0, b: 2 ** 17, c: 1.5, d: 7, e: 7 } });
  assert.equal(names.size, 1);
  assert.equal(names.nameAt("198.18.0.7"), "d");
});

test("an address is another name's only after a long silence of the first", () => {
  let now = 0;
  const names = table({ nowMs: () => now, limits: { namesMax: 2, silenceMsMin: 100 } });
  const first = text(names.addressesOf("a")?.ipv4);
  now = 50;
  names.addressesOf("b");
  assert.equal(names.addressesOf("c"), undefined);
  // Used by whoever connects there, it is not silent.
  now = 60;
  names.nameAt(first);
  now = 149;
  assert.equal(names.addressesOf("c"), undefined);
  now = 150;
  assert.ok(names.addressesOf("c"));
  assert.equal(names.nameAt(first), "a");
  assert.equal(names.size, 2);
});

const tools = (hasIpv6 = true) => {
  const names = table();
  return {
    isKnown: (name: string) => name === "orders.shop",
    canonical: (name: string) => canonical(name, "shop"),
    addressesOf: names.addressesOf,
    hasIpv6,
  };
};

test("only names of the plan have addresses, and hints have none at all", () => {
  const outcome = (name: string, type?: number, hasIpv6?: boolean) =>
    judgeName(asked(name, type), tools(hasIpv6));
  assert.equal(outcome("orders").answer.addresses?.[0]?.length, 4);
  assert.equal(outcome("orders.shop.svc.cluster.local", 28).answer.addresses?.[0]?.length, 16);
  for (const [name, type] of [
    ["orders", 65],
    ["orders", 64],
    ["orders", 255],
    ["orders", 16],
    ["orders", 33],
  ] as const) {
    const { outcome: how, answer } = outcome(name, type);
    assert.deepEqual([how, answer.code, answer.addresses], ["empty", "ok", undefined], `${name} ${type}`);
  }
  assert.equal(outcome("orders", 28, false).outcome, "empty");
  assert.deepEqual(
    ["billing", "example.com", "orders.shop.shop.svc.cluster.local", "7.113.0.203.in-addr.arpa"].map(
      (name) => outcome(name).answer.code,
    ),
    Array.from({ length: 4 }, () => "noSuchName"),
  );
});

test("names that carry data are told from names of hosts", () => {
  for (const name of [
    "sallyport-broker-headless.sallyport-system.svc.cluster.local",
    "orders-postgresql-primary-headless-service-of-team.shop",
    "ec2-203-0-113-25.compute-1.amazonaws.com",
    "production-orders-database-replica-reader-eu-west-1.example.com",
  ])
    assert.equal(isLaden(name), false, name);
  let told = 0;
  let missed = 0;
  fc.assert(
    fc.property(fc.nat(), fc.constantFrom("hex", "base64url"), (seed, form) => {
      const data = createHash("sha256").update(String(seed)).digest();
      const label = data.toString(form).toLowerCase();
      if (isLaden(`${label.slice(0, 60)}.t.example.com`)) told += 1;
      else missed += 1;
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
  // Chance makes one in some hundreds look like a name; who carries data out needs many.
  assert.ok(missed * 50 < told, `${missed} of ${told + missed} were not told`);
});
