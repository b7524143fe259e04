/** The codec on its own: every value comes back, every cut waits, and nothing that arrives can do more than be refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FRAME_BYTES_MAX, type Frame, FrameReader, encodeFrame } from "#core/port/frame.ts";
import { readToBroker, readToDataPlane } from "#core/port/messages.ts";
import type { CallOperation } from "#core/port/operations.ts";
import { PortViolation } from "#core/port/shapes.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { framesOfThisBuild } from "./golden.ts";
import { plain } from "./contract.ts";
import { callSamples } from "./samples.ts";

const frames = framesOfThisBuild();
const TO_DATA_PLANE = /answer|push|fault/;

function read(name: string, frame: Frame): unknown {
  if (!TO_DATA_PLANE.test(name)) return readToBroker(frame);
  const message = readToDataPlane(frame);
  return message.type === "answer" ? message.read(name.split(".")[0] as CallOperation) : message;
}

function framesOf(pieces: readonly Buffer[]): Frame[] {
  const reader = new FrameReader();
  return pieces.flatMap((piece) => [...reader.push(Buffer.from(piece))]);
}

test("every frame cut at every byte comes to the same message", () => {
  for (const [name, bytes] of frames) {
    const [whole] = framesOf([bytes]);
    assert.ok(whole);
    const expected = plain(read(name, whole));
    for (let cut = 0; cut <= bytes.length; cut++) {
      const [frame, ...more] = framesOf([bytes.subarray(0, cut), bytes.subarray(cut)]);
      assert.ok(frame, `${name} cut at ${cut}`);
      assert.equal(more.length, 0);
      assert.deepEqual(plain(read(name, frame)), expected, `${name} cut at ${cut}`);
    }
    assert.deepEqual(
      framesOf([bytes.subarray(0, bytes.length - 1)]),
      [],
      `${name} without its last byte is no frame`,
    );
  }
});

test("frames in one piece, and in single bytes, are told apart", () => {
  const all = Buffer.concat([...frames.values()]);
  assert.equal(framesOf([all]).length, frames.size);
  assert.equal(framesOf([...all].map((byte) => Buffer.of(byte))).length, frames.size);
});

test("whatever a frame is turned into is a message of the contract or a violation", () => {
  const names = [...frames.keys()];
  fc.assert(
    fc.property(
      fc.constantFrom(...names),
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (name, changes) => {
        const bytes = Buffer.from(frames.get(name) ?? []);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          for (const frame of framesOf([bytes])) read(name, frame);
        } catch (error) {
          assert.ok(error instanceof PortViolation, String(error));
        }
      },
    ),
    { numRuns: fuzzRuns(3_000), ...fuzzSeed() },
  );
});

test("members in JSON are taken for what the contract says, or refused", () => {
  const json = fc.json({ maxDepth: 4 }).map((text): unknown => JSON.parse(text));
  const operations = fc.constantFrom(...(Object.keys(callSamples()) as CallOperation[]));
  fc.assert(
    fc.property(
      operations,
      json,
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 4 }),
      (operation, request, parts) => {
        const head = { type: "call", id: 1, operation, request };
        assert.throws(() => readToBroker({ head, parts }), PortViolation);
      },
    ),
    { numRuns: fuzzRuns(3_000), ...fuzzSeed() },
  );
});

const SESSION = callSamples().hold.request.session;
const event = { session: SESSION, seq: 0, previous: 0, hash: 0, leaf: 0 };
const hash = new Uint8Array(32);

/** Head and parts that come close to the contract, each with what is wrong about it. */
const REFUSED: readonly (readonly [string, unknown, readonly Uint8Array[]])[] = [
  ["an operation from Object's prototype", { type: "call", id: 1, operation: "toString", request: {} }, []],
  ["a tell as a call", { type: "call", id: 1, operation: "report", request: {} }, []],
  ["a call as a tell", { type: "tell", operation: "release", request: { lease: "l" } }, []],
  ["a negative id", { type: "cancel", id: -1 }, []],
  ["a member too many", { type: "call", id: 1, operation: "renew", request: { lease: "l", extra: 1 } }, []],
  ["a member too many outside", { type: "cancel", id: 1, extra: 1 }, []],
  [
    "a token as text",
    call("identify", { session: SESSION, listener: "l", evidence: { kind: "token", token: "eyJ" } }),
    [],
  ],
  [
    "a token that is not there",
    call("identify", { session: SESSION, listener: "l", evidence: { kind: "token", token: 0 } }),
    [],
  ],
  ["a part that nobody names", call("renew", { lease: "l" }), [hash]],
  [
    "a kind from the prototype",
    call("identify", { session: SESSION, listener: "l", evidence: { kind: "constructor" } }),
    [],
  ],
  ["a session id of 127 bits", call("hold", { session: `${SESSION.slice(0, 21)}B`, question: "q" }), []],
  ["a hash that is too short", call("append", { batch: [event] }), [hash, hash.subarray(1), hash]],
  [
    "a sequence number that is no whole one",
    call("append", { batch: [{ ...event, seq: 0.5 }] }),
    [hash, hash, hash],
  ],
  ["a leaf beyond its bound", call("append", { batch: [event] }), [hash, hash, new Uint8Array(65_536)]],
  ["an empty leaf", call("append", { batch: [event] }), [hash, hash, new Uint8Array(0)]],
  ["too many events", call("append", { batch: Array.from({ length: 1_025 }, () => event) }), [hash]],
];

function call(operation: string, request: unknown): unknown {
  return { type: "call", id: 1, operation, request };
}

for (const [what, head, parts] of REFUSED) {
  test(`${what} is refused`, () => {
    assert.throws(() => readToBroker({ head, parts: [...parts] }), PortViolation);
  });
}

test("a batch within every bound is taken: the twin of those refused", () => {
  const message = readToBroker({
    head: call("append", { batch: [event] }),
    parts: [hash, hash, new Uint8Array(65_535)],
  });
  assert.equal(message.type, "call");
});

test("a length beyond the bound is refused before anything of it is kept", () => {
  const reader = new FrameReader();
  const announced = Buffer.alloc(4);
  announced.writeUInt32BE(FRAME_BYTES_MAX + 1);
  assert.throws(() => [...reader.push(announced)], PortViolation);
  for (const length of [0, 3]) {
    announced.writeUInt32BE(length);
    assert.throws(() => [...new FrameReader().push(Buffer.from(announced))], PortViolation);
  }
});

test("a token leaves no copy in the frame that brought it", () => {
  const token = Buffer.from("eyJhbGciOiJFUzI1NiJ9");
  const request = { session: SESSION, listener: "l", evidence: { kind: "token", token: 0 } };
  const bytes = encodeFrame({ head: call("identify", request), parts: [token] });
  for (const cut of [0, bytes.length - 10]) {
    const pieces = [Buffer.from(bytes.subarray(0, cut)), Buffer.from(bytes.subarray(cut))];
    const reader = new FrameReader();
    const [frame] = pieces.flatMap((piece) => [...reader.push(piece)]);
    assert.ok(frame);
    const message = readToBroker(frame);
    assert.ok(message.type === "call" && message.operation === "identify");
    const { evidence } = message.request;
    assert.ok(evidence.kind === "token" && token.equals(evidence.token));
    for (const piece of pieces) assert.equal(piece.includes("eyJ"), false);
    assert.ok(frame.parts.every((part) => part.every((byte) => byte === 0)));
  }
});
