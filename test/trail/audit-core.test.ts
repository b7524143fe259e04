/** Leaves, chain and tree against values that others have published, and a leaf that always fits. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { type EventFields, shownEvents } from "#core/audit/requests.ts";
import { canonicalText } from "#core/audit/canonical.ts";
import { chainHash, chainSeed } from "#core/audit/chain.ts";
import type { AuditEvent } from "#core/audit/event.ts";
import { LEAF_BYTES_MAX, leafBytes, leafHead, parseLeaf } from "#core/audit/leaf.ts";
import { EMPTY_TREE, isTree, leafHash, treeRoot, withLeaf, withLeaves } from "#core/audit/tree.ts";
import { isSessionId, newSessionId, sessionBytes, sessionId } from "#core/port/ids.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { newSession, opening, request } from "./support.ts";

test("canonical JSON is that of RFC 8785, sections 3.2.2 and 3.2.3", () => {
  const value = {
    numbers: [Number("333333333.33333329"), 1e30, 4.5, 2e-3, 0.000000000000000000000000001, -0],
    string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
    literals: [null, true, false],
  };
  assert.equal(
    canonicalText(value),
    '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27,0],' +
      '"string":"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
  );
  const keys = { "\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\u{1f600}": 5, "\u0080": 6, "\u00f6": 7 };
  const order = Object.keys(JSON.parse(canonicalText(Object.fromEntries(Object.entries(keys).reverse()))));
  assert.deepEqual(order.toSorted(), Object.keys(keys).toSorted());
  assert.equal(
    canonicalText(keys),
    '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\u{1f600}":5,"\ufb33":3}',
  );
});

test("canonical JSON takes whatever JSON can say, and nothing else", () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = canonicalText(value);
      assert.equal(canonicalText(JSON.parse(text)), text, "reading and writing it again changes nothing");
    }),
    { numRuns: fuzzRuns(500), ...fuzzSeed() },
  );
  for (const value of [Number.NaN, Infinity, 1n, Symbol("s"), () => 1])
    assert.throws(() => canonicalText(value));
  assert.equal(canonicalText({ a: undefined, b: "\ud800" }), '{"b":"\ufffd"}');
});

/** The leaves and roots that Certificate Transparency's implementations have always been tested with. */
const LEAVES = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
];
const ROOTS = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

test("the tree is that of RFC 6962", () => {
  let tree = EMPTY_TREE;
  const roots = [treeRoot(tree)];
  for (const leaf of LEAVES) {
    tree = withLeaf(tree, leafHash(Buffer.from(leaf, "hex")));
    assert.ok(isTree(tree));
    roots.push(treeRoot(tree));
  }
  assert.deepEqual(
    roots.map((root) => Buffer.from(root).toString("hex")),
    ROOTS,
  );
  const hashes = LEAVES.map((leaf) => leafHash(Buffer.from(leaf, "hex")));
  for (let cut = 0; cut <= hashes.length; cut += 1)
    assert.deepEqual(withLeaves(withLeaves(EMPTY_TREE, hashes.slice(0, cut)), hashes.slice(cut)), tree);
  assert.equal(isTree({ leaves: 7, peaks: tree.peaks }), false);
});

test("the chain is what the format says, computed by hand", () => {
  const session = sessionBytes("AAECAwQFBgcICQoLDA0ODw");
  const sha256 = (...parts: Uint8Array[]): Buffer =>
    createHash("sha256").update(Buffer.concat(parts)).digest();
  const seed = sha256(Buffer.from("sallyport/session/v1\0"), session);
  assert.deepEqual(Buffer.from(chainSeed(session)), seed);
  const leaf = Buffer.from("{}");
  const position = Buffer.from("0000000000000102", "hex");
  assert.deepEqual(Buffer.from(chainHash(seed, 258, leaf)), sha256(Buffer.of(2), seed, position, leaf));
});

test("a session id is the one spelling of sixteen bytes", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      const id = sessionId(bytes);
      assert.ok(isSessionId(id));
      assert.deepEqual(Uint8Array.from(sessionBytes(id)), bytes);
    }),
  );
  for (const text of ["", "AAECAwQFBgcICQoLDA0ODx", "AAECAwQFBgcICQoLDA0ODw=", "AAECAwQFBgcICQoLDA0OD"])
    assert.equal(isSessionId(text), false, text);
});

test("a new session's id is no option on a command line", () => {
  const first = fc.integer({ min: 0, max: 255 });
  fc.assert(
    fc.property(first, fc.uint8Array({ minLength: 15, maxLength: 15 }), (byte, rest) => {
      const id = newSessionId(Uint8Array.of(byte, ...rest));
      assert.match(id, /^[A-Za-z]/);
      assert.deepEqual(sessionBytes(id).subarray(1), Buffer.from(rest));
    }),
  );
});

const head = { v: 1, session: newSession(), seq: 3, atMs: 1_700_000_000_000 } as const;

test("a leaf fits, whatever comes from outside, and says what was cut", () => {
  const words = fc.array(fc.string({ unit: "binary", maxLength: 3_000 }), { maxLength: 3_000, size: "max" });
  fc.assert(
    fc.property(
      words,
      words,
      fc.dictionary(fc.string(), fc.string({ maxLength: 5_000 })),
      (accesses, observed, intent) => {
        const bodies = [request(0, { accesses, observed }), { ...opening, intent }];
        for (const body of bodies) {
          const event = { ...head, ...body } as AuditEvent;
          const leaf = leafBytes(event);
          assert.ok(leaf.length <= LEAF_BYTES_MAX);
          assert.deepEqual(leafHead(leaf), { kind: body.kind, session: head.session, seq: 3 });
          const [read = {}] = shownEvents(parseLeaf(leaf) ?? {}) as {
            accesses?: string[];
            omitted?: Record<string, number>;
          }[];
          const dropped = accesses.length - (read.accesses?.length ?? accesses.length);
          assert.equal(read.omitted?.["decided[].accesses"] ?? 0, dropped);
        }
      },
    ),
    { numRuns: fuzzRuns(10), ...fuzzSeed() },
  );
});

test("codes, digests, rules and identifiers are never cut", () => {
  const body = request(7, {
    by: `${"p".repeat(63)}/${"r".repeat(63)}@sha256:${"0".repeat(64)}`,
    accesses: Array.from({ length: 50_000 }, (_, index) => `read ${"s".repeat(60)}.${index}`),
  });
  const [read] = shownEvents(parseLeaf(leafBytes({ ...head, ...body })) ?? {});
  const wanted: EventFields = { ...body.decided[0], ...body.requests[0] };
  for (const name of ["by", "code", "outcome", "textDigest", "request"] as const)
    assert.equal(read?.[name], wanted[name]);
});

test("what is no event is told from one", () => {
  const leaf = leafBytes({ ...head, ...request(0) });
  assert.notEqual(leafHead(leaf), undefined);
  const broken = [
    "",
    "null",
    "[]",
    "{",
    '{"v":2}',
    '{"v":1,"kind":"request"}',
    '{"v":1,"kind":"X Y","session":"s","seq":0,"atMs":0}',
  ];
  for (const text of broken) assert.equal(leafHead(Buffer.from(text)), undefined, text);
  assert.equal(leafHead(Buffer.concat([leaf, Buffer.of(0xff)])), undefined, "bytes that are no UTF-8");
});
