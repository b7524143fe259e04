/** Upstreams that make proofs costly hold up themselves, and neither each other nor anybody whose proof is cheap. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { COSTLY_ITERATIONS, costlyLines } from "#broker/sources/costly.ts";
import { proveWithPassword } from "#broker/sources/proving.ts";
import { SecretBytes } from "#core/values/secret.ts";
import { SCRAM_ITERATIONS_MAX } from "#core/wire/postgres/scram.ts";
import { forEver } from "./support/upstream.ts";

interface Work {
  readonly of: string;
  readonly done: Promise<void>;
  end(): void;
}

/** Work that ends when it is told to; what has begun, in order. */
function bench() {
  const inLine = costlyLines();
  const begun: Work[] = [];
  const ask = (of: string, signal = forEver): Promise<void> =>
    inLine(
      of,
      () => {
        const { promise, resolve } = Promise.withResolvers<void>();
        begun.push({ of, done: promise, end: resolve });
        return promise;
      },
      signal,
    );
  const endFirst = async (): Promise<void> => {
    begun.at(-1)?.end();
    await turn();
  };
  return { ask, begun, endFirst };
}

test("one at a time, and an upstream with many is asked for one between those of others", async () => {
  const { ask, begun, endFirst } = bench();
  const asked = [...Array.from({ length: 20 }, () => ask("flood:5432")), ask("honest:5432")];
  await turn();
  assert.deepEqual(
    begun.map(({ of }) => of),
    ["flood:5432"],
  );
  await endFirst();
  assert.deepEqual(
    begun.map(({ of }) => of),
    ["flood:5432", "honest:5432"],
  );
  for (let count = 1; count < asked.length; count += 1) await endFirst();
  await Promise.all(asked);
  assert.equal(begun.length, asked.length);
});

test("who gives up leaves the line, and what fails makes room", async () => {
  const { ask, begun, endFirst } = bench();
  const first = ask("a");
  const stop = new AbortController();
  const given = [ask("a", stop.signal), ask("b", stop.signal)];
  const last = ask("a");
  await turn();
  stop.abort(new Error("gone"));
  for (const each of given) await assert.rejects(each, /gone/);
  await endFirst();
  await first;
  assert.deepEqual(
    begun.map(({ of }) => of),
    ["a", "a"],
  );
  await endFirst();
  await last;
  const inLine = costlyLines();
  await assert.rejects(
    inLine("a", () => Promise.reject(new Error("it fails")), forEver),
    /it fails/,
  );
  assert.equal(await inLine("a", () => Promise.resolve("goes on"), forEver), "goes on");
});

test("a cheap proof is made while costly ones stand in line, and a costly one is given up with its session", async () => {
  using password = new SecretBytes(Buffer.from("canary"));
  const challenge = (iterations: number) => ({
    clientFirstBare: "n=,r=abcdefgh",
    serverFirst: `r=abcdefghSERVER,s=c2FsdHNhbHRzYWx0c2FsdA==,i=${iterations}`,
    channelBinding: Buffer.from("n,,"),
  });
  const stop = new AbortController();
  const prove = (iterations: number, upstream: string) =>
    proveWithPassword(challenge(iterations), password, { upstream, signal: stop.signal });
  const first = prove(SCRAM_ITERATIONS_MAX, "flood:5432");
  const waiting = Array.from({ length: 8 }, () => prove(SCRAM_ITERATIONS_MAX, "flood:5432"));
  const refused = Promise.allSettled(waiting);
  let isOver = false;
  void first.then(() => (isOver = true));
  assert.ok(await prove(COSTLY_ITERATIONS - 1, "honest:5432"));
  assert.equal(isOver, false);
  stop.abort(new Error("its sessions have ended"));
  assert.ok((await refused).every(({ status }) => status === "rejected"));
  assert.ok(await first);
});
