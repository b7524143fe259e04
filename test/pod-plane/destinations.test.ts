/** Which Connection a captured connection is for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ConnectionView } from "#core/port/port.ts";
import { type Dialled, OWN_NAME, destinationOf, routesOf } from "#sidecar/pod/destinations.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";

type Host = readonly [host: string, port?: number];

const view = (name: string, [host, port = 5432]: Host, ...reachedAs: readonly Host[]): ConnectionView => ({
  metadata: { namespace: "shop", name },
  spec: {
    protocol: "postgres",
    address: { host, port },
    ...(reachedAs.length === 0
      ? {}
      : {
          reachedAs: reachedAs.map(([also, at]) =>
            at === undefined ? { host: also } : { host: also, port: at },
          ),
        }),
    postgres: { database: "orders", user: "agent" },
    tls: { mode: "disable" },
  },
});

const byName = (name: string, port = 5432): Dialled => ({
  address: "198.18.0.9",
  port,
  name,
  isVirtual: true,
});
const byAddress = (address: string, port = 5432): Dialled => ({
  address,
  port,
  name: undefined,
  isVirtual: false,
});

/** The connection's name, or the code of the refusal. */
function found(dialled: Dialled, ...connections: readonly ConnectionView[]): string {
  const destination = destinationOf(dialled, routesOf(connections, "shop"));
  if (destination.kind === "connection") return destination.connection.metadata.name;
  return destination.kind === "none" ? destination.why.code : destination.kind;
}

test("the name that was asked for decides, however it is written", () => {
  const orders = view("orders", ["orders-db.example.com"], ["orders"], ["old-orders.shop.svc", 6432]);
  assert.equal(found(byName("orders-db.example.com"), orders), "orders");
  assert.equal(found(byName("orders.shop"), orders), "orders");
  assert.equal(found(byName("old-orders.shop", 6432), orders), "orders");
  assert.equal(found(byName("old-orders.shop"), orders), "DESTINATION_UNKNOWN");
  assert.equal(found(byName("orders.shop", 80), orders), "DESTINATION_UNKNOWN");
  assert.equal(found(byName("billing.shop"), orders), "DESTINATION_UNKNOWN");
});

test("two connections at one address and port are told apart by their names", () => {
  const [one, other] = [view("one", ["10.0.0.7"], ["one"]), view("other", ["10.0.0.7"], ["other"])];
  assert.equal(found(byName("one.shop"), one, other), "one");
  assert.equal(found(byName("other.shop"), one, other), "other");
  assert.equal(found(byAddress("10.0.0.7"), one, other), "DESTINATION_AMBIGUOUS");
  assert.equal(found(byAddress("10.0.0.7"), one), "one");
});

test("a name that two connections claim is neither's, in whichever spelling, on that port alone", () => {
  const claims = [view("a", ["orders"]), view("b", ["10.0.0.8"], ["orders.shop.svc.cluster.local"])];
  const destination = destinationOf(byName("orders.shop"), routesOf(claims, "shop"));
  assert.ok(destination.kind === "none");
  assert.equal(destination.why.code, "DESTINATION_AMBIGUOUS");
  assert.match(destination.why.publicText, /orders\.shop:5432: shop\/a, shop\/b/);
  assert.equal(found(byName("orders.shop", 6432), ...claims, view("c", ["orders", 6432])), "c");
  // Twice by the same connection is once.
  assert.equal(found(byName("orders.shop"), view("a", ["orders"], ["orders.shop"])), "a");
});

test("addresses match in every spelling, and only themselves", () => {
  const here = view("here", ["2001:DB8::7"], ["203.0.113.7"]);
  assert.equal(found(byAddress("2001:db8:0:0::7"), here), "here");
  assert.equal(found(byAddress("203.0.113.7"), here), "here");
  assert.equal(found(byAddress("203.0.113.8"), here), "DESTINATION_UNKNOWN");
  assert.equal(found(byAddress("203.0.113.7"), view("mapped", ["::ffff:203.0.113.7"])), "mapped");
});

test("an address that only we give out is nobody's without its name, whatever a connection says", () => {
  const stray = view("stray", ["198.18.0.9"]);
  const dialled: Dialled = { address: "198.18.0.9", port: 5432, name: undefined, isVirtual: true };
  assert.equal(found(dialled, stray), "DESTINATION_UNKNOWN");
});

test("the agent's own page is nobody else's to be reached as", () => {
  const thief = view("thief", ["10.0.0.9", 80], [OWN_NAME]);
  assert.equal(found(byName(OWN_NAME, 80), thief), "own");
  assert.equal(found(byName(OWN_NAME, 443), thief), "DESTINATION_UNKNOWN");
});

test("a refusal names what was dialled and the ports that there are, and nothing of other names", () => {
  const destination = destinationOf(
    byName("orders.shop", 80),
    routesOf([view("orders", ["orders"])], "shop"),
  );
  assert.ok(destination.kind === "none");
  assert.match(destination.why.publicText, /at orders\.shop:80; orders\.shop is reached at port 5432$/);
  const nobody = destinationOf(byAddress("2001:db8::1"), routesOf([view("orders", ["orders"])], "shop"));
  assert.ok(nobody.kind === "none");
  assert.match(nobody.why.publicText, /at \[2001:db8::1\]:5432$/);
});

test("the order of connections never matters", () => {
  const hosts = fc.constantFrom(
    "orders",
    "orders.shop",
    "orders.shop.svc",
    "db.example.com",
    "10.0.0.7",
    "::ffff:10.0.0.7",
  );
  const some = fc.array(fc.tuple(hosts, fc.constantFrom(5432, 6432)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(some, fc.constantFrom(5432, 6432), (places, port) => {
      const connections = places.map(([host, at], number) => view(`c${number}`, [host, at]));
      for (const dialled of [
        byName("orders.shop", port),
        byName("db.example.com", port),
        byAddress("10.0.0.7", port),
      ])
        assert.equal(found(dialled, ...connections), found(dialled, ...connections.toReversed()));
    }),
    { numRuns: fuzzRuns(300), ...fuzzSeed() },
  );
});
