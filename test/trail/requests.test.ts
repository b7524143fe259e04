/** What a session asks gathers into few events, and comes out of them again as it was asked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { TextDigester, textDigest } from "#core/audit/digest.ts";
import type { Decided, RequestsEvent, Result } from "#core/audit/event.ts";
import { TEXT_BYTES_MAX, leafBytes, parseLeaf } from "#core/audit/leaf.ts";
import { type EventFields, shownEvents, textsOf } from "#core/audit/requests.ts";
import { type Gathered, Gathering } from "#sidecar/uplink/gathering.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { asking, request } from "./support.ts";

const KEY = new Uint8Array(32).fill(9);
const place = { v: 1, session: "s", seq: 4, atMs: 50 } as const;

function stored({ body }: Gathered): EventFields {
  return parseLeaf(leafBytes({ ...place, ...body })) ?? {};
}

test("the quick digest is the one that any library makes, for every length of key and text", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 64 }),
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.nat(40_000).map((length) => new Uint8Array(length).fill(65)),
      ),
      (key, text) => {
        const digester = new TextDigester(key);
        assert.equal(digester.digest(text), textDigest(key, text));
        assert.equal(digester.digest(text), textDigest(key, text), "and again");
      },
    ),
    { numRuns: fuzzRuns(200), ...fuzzSeed() },
  );
});

const ways: readonly Decided[] = [
  asking(0).decided,
  { ...asking(0).decided, accesses: ["read public.customers"], by: "readers/all@sha256:00" },
  { ...asking(0).decided, accesses: Array.from({ length: 3_000 }, (_, at) => `read public.t${at}`) },
  { ...asking(0).decided, observed: ['a "quoted" word'] },
];

const step = fc.oneof(
  fc.record({
    do: fc.constant("ask" as const),
    // One text object again and again, as of a prepared statement.
    isPrepared: fc.boolean(),
    way: fc.nat(ways.length - 1),
    text: fc.oneof(
      { weight: 20, arbitrary: fc.string({ unit: "binary", maxLength: 20 }) },
      { weight: 20, arbitrary: fc.constantFrom("select 1", "select 2", "") },
      fc.constantFrom("z".repeat(4_096), "x".repeat(300_000), "y".repeat(TEXT_BYTES_MAX + 5)),
    ),
  }),
  fc.record({
    do: fc.constant("answer" as const),
    // How far back.
    back: fc.nat(4),
    errorCode: fc.option(fc.constantFrom("42501", "é".repeat(400)), { nil: undefined }),
  }),
);

const OF_REQUESTS = ["kind", "request", "atMs", "textDigest", "textBytes", "code"];
const OF_RESULTS = ["ended", "rows", "bytes", "maskedValues", "errorCode"];
const TOLD: ReadonlySet<string> = new Set([...OF_REQUESTS, ...OF_RESULTS]);

test("whatever is asked and answered is shown as it was, once, with its text, and no event is too long", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 300, size: "max" }), (steps) => {
      const digester = new TextDigester(KEY);
      const events: Gathered[] = [];
      const wanted: EventFields[] = [];
      const texts = new Map<number, Buffer>();
      let gathering = new Gathering(digester);
      const next = (): void => {
        if (gathering.count > 0) events.push(gathering.gathered());
        gathering = new Gathering(digester);
      };
      const prepared = new Map<string, Buffer>();
      let atMs = 0;
      let asked = 0;
      for (const one of steps) {
        atMs += 1;
        if (one.do === "ask") {
          const decided = ways[one.way] as Decided;
          const text = (one.isPrepared ? prepared.get(one.text) : undefined) ?? Buffer.from(one.text);
          prepared.set(one.text, text);
          const digest = { textDigest: textDigest(KEY, text), textBytes: text.length };
          if (!gathering.hasRoomFor(decided, text.length)) next();
          gathering.ask({ request: asked, atMs }, decided, text);
          texts.set(asked, text.subarray(0, TEXT_BYTES_MAX));
          wanted.push({ kind: "request", request: asked, atMs, ...digest, code: decided.code });
          asked += 1;
        } else if (asked > one.back) {
          const request = asked - 1 - one.back;
          const error = one.errorCode === undefined ? {} : { errorCode: one.errorCode };
          const result: Result = { atMs, ended: "complete", rows: atMs, bytes: 0, maskedValues: 0, ...error };
          if (!gathering.answer(request, result)) {
            next();
            assert.ok(gathering.answer(request, result));
          }
          wanted.push({ kind: "result", request, ...result });
        }
      }
      next();
      const shown = events.flatMap((event) => shownEvents(stored(event)));
      assert.deepEqual(
        shown.map((event) => Object.fromEntries(Object.entries(event).filter(([name]) => TOLD.has(name)))),
        wanted,
      );
      for (const event of events)
        for (const { request, text } of textsOf(stored(event), event.payload ?? new Uint8Array()) ??
          assert.fail())
          assert.deepEqual(Buffer.from(text), texts.get(request));
      assert.ok(events.every(({ payload }) => (payload?.length ?? 0) <= TEXT_BYTES_MAX));
    }),
    { numRuns: fuzzRuns(12), ...fuzzSeed() },
  );
});

test("a text that is asked again is sealed once, and one that is not the same is sealed too", () => {
  const gathering = new Gathering(new TextDigester(KEY));
  for (const [number, text] of ["select 1", "select 2", "select 1", "select 1"].entries()) {
    const bytes = Buffer.from(text);
    gathering.ask({ request: number, atMs: 1 }, asking(0).decided, bytes);
  }
  const gathered = gathering.gathered();
  const { payload } = gathered;
  assert.equal(Buffer.from(payload ?? []).toString(), "select 1select 2");
  const texts = textsOf(stored(gathered), payload ?? new Uint8Array()) ?? [];
  assert.deepEqual(
    texts.map(({ text }) => Buffer.from(text).toString()),
    ["select 1", "select 2", "select 1", "select 1"],
  );
});

test("bytes that are not the texts of an event are not taken for them", () => {
  const event = { ...place, ...request(0, { textBytes: 8 }) };
  assert.equal(textsOf(event, Buffer.from("select 1"))?.length, 1);
  for (const sealed of ["select", "select 11", ""])
    assert.equal(textsOf(event, Buffer.from(sealed)), undefined);
  assert.equal(textsOf({ ...place, kind: "session.open" }, Buffer.from("select 1")), undefined);
});

test("an event that is broken is shown as it is, and so is one of any other kind", () => {
  const whole: RequestsEvent = { ...place, ...request(0) };
  const asked = whole.requests[0];
  assert.equal(shownEvents({ ...whole })[0]?.["kind"], "request");
  const broken: EventFields[] = [
    { ...whole, decided: [] },
    { ...whole, decided: [null] },
    { ...whole, requests: "select 1" },
    { ...whole, requests: [{ ...asked, as: -1 }] },
    { ...whole, requests: [{ ...asked, as: "__proto__" }] },
    { ...whole, requests: [{ ...asked, result: 7 }] },
    { ...whole, requests: [{ ...asked, textBytes: -5 }] },
    { ...whole, results: [1] },
    { ...whole, requests: [], results: [] },
    { ...place, kind: "session.close" },
    {},
  ];
  for (const event of broken) assert.deepEqual(shownEvents(event), [event]);
});

test("what is said of an event as a whole is shown once, with the first of what it holds", () => {
  const two = [0, 1].map((at) => ({ ...request(at).requests[0], request: at }));
  const shown = shownEvents({ ...place, ...request(0), requests: two, unrecorded: 3 });
  assert.deepEqual(
    shown.map(({ unrecorded }) => unrecorded),
    [3, undefined],
  );
});
