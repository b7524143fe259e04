/** All read into one buffer: what one connection brought is never heard on another, however long it is kept and whoever is slow. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer, Socket } from "node:net";
import { test } from "node:test";
import fc from "fast-check";
import { onBytes } from "#sidecar/protocols/shared-reads.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { until } from "../gateway/support/in-process.ts";
import { closing, openPair } from "./support/pair.ts";

const CONNECTIONS = 4;

/** What that connection says at that place: no two say the same. */
const byteOf = (connection: number, at: number): number => (connection * 61 + at * 7 + (at >> 8)) & 0xff;

function saying(connection: number, from: number, count: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: count }, (_, index) => byteOf(connection, from + index)));
}

interface Step {
  readonly connection: number;
  readonly bytes: number;
  /** From then on until its next step it is not read. */
  readonly pauses: boolean;
}

const STEPS: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    connection: fc.nat(CONNECTIONS - 1),
    // A few bytes, a piece of the slab, an allocation of its own, more than one read.
    bytes: fc.oneof(
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 5_000 }),
      fc.constant(150_000),
    ),
    pauses: fc.boolean(),
  }),
  { minLength: 4, maxLength: 24 },
);

test("whatever is kept of one connection stays what it was", async () => {
  await fc.assert(
    fc.asyncProperty(STEPS, async (steps) => {
      await using end = closing();
      const all = await Promise.all(
        Array.from({ length: CONNECTIONS }, async (_, connection) => {
          const pair = await openPair(end, connection % 2 === 0 ? "connected" : "accepted");
          const kept: Buffer[] = [];
          onBytes(pair.ours, (bytes) => kept.push(bytes));
          pair.ours.resume();
          return { ...pair, kept, said: 0 };
        }),
      );
      for (const { connection, bytes, pauses } of steps) {
        const one = all[connection];
        if (one === undefined) continue;
        if (pauses) one.ours.pause();
        else one.ours.resume();
        one.peer.write(saying(connection, one.said, bytes));
        one.said += bytes;
        await new Promise(setImmediate);
      }
      for (const { ours } of all) ours.resume();
      for (const [connection, { kept, said }] of all.entries()) {
        await until(() => kept.reduce((sum, { length }) => sum + length, 0) === said);
        assert.ok(Buffer.concat(kept).equals(saying(connection, 0, said)));
      }
    }),
    { numRuns: fuzzRuns(25), ...fuzzSeed() },
  );
});

/** What the first of two connections has said, as it stands after the second has spoken. */
async function afterAnother(
  first: Socket,
  listen: (keep: (bytes: Buffer) => void) => void,
  speak: () => void,
) {
  let kept: Buffer | undefined;
  listen((bytes) => {
    kept ??= bytes;
  });
  first.resume();
  await until(() => kept !== undefined);
  speak();
  return () => kept?.toString("latin1");
}

test("without the copy another's bytes would stand there", async (context) => {
  // The attack: a buffer that all share, handed on as it is.
  const shared = Buffer.alloc(1024);
  const listeners = new Map<string, (bytes: Buffer) => void>();
  const reading = (name: string): Socket =>
    new Socket({
      onread: {
        buffer: shared,
        callback: (count) => {
          listeners.get(name)?.(shared.subarray(0, count));
          return true;
        },
      },
    });
  const server = createServer((peer) => peer.on("error", () => undefined)).listen(0, "127.0.0.1");
  await once(server, "listening");
  const at = { host: "127.0.0.1", port: (server.address() as AddressInfo).port };
  const open = async (name: string): Promise<{ readonly ours: Socket; readonly peer: Socket }> => {
    const arrived = once(server, "connection");
    const ours = reading(name).connect(at);
    const [peer] = (await arrived) as [Socket];
    return { ours, peer };
  };
  const one = await open("one");
  const other = await open("other");
  context.after(() => {
    for (const { ours, peer } of [one, other]) {
      ours.destroy();
      peer.destroy();
    }
    server.close();
  });
  let isHeard = false;
  listeners.set("other", () => {
    isHeard = true;
  });
  other.ours.resume();
  one.peer.write("mine");
  const stands = await afterAnother(
    one.ours,
    (keep) => listeners.set("one", keep),
    () => other.peer.write("LEAK"),
  );
  await until(() => isHeard);
  assert.equal(stands(), "LEAK");

  // And what ours do.
  const pair = await openPair(context);
  const next = await openPair(context, "accepted");
  let isNextHeard = false;
  onBytes(next.ours, () => {
    isNextHeard = true;
  });
  next.ours.resume();
  pair.peer.write("mine");
  const keeps = await afterAnother(
    pair.ours,
    (keep) => onBytes(pair.ours, keep),
    () => next.peer.write("LEAK"),
  );
  await until(() => isNextHeard);
  assert.equal(keeps(), "mine");
});
