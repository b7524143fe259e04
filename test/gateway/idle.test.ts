/** What a session weighs that asks nothing: in the data plane and the broker together, once everything that can go has gone. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { openProbe } from "../../bench/performance/probe.ts";
import { startRig, until } from "./support/in-process.ts";
import { UPSTREAM_PASSWORD } from "./support/kinds.ts";

/** They bring along what all share: code that is compiled, memory of what was asked before. */
const FIRST_SESSIONS = 150;
const MORE_SESSIONS = 250;
/** It was 48,000 when a session held on to what it had signed in with. */
const BYTES_EACH_MAX = 38_000;

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const STILL_BYTES = 50_000;

/** Objects, and the bytes of buffers outside of the heap, once nothing more goes: what is let go of in one turn is finalized in a later one. */
async function retainedBytes(): Promise<number> {
  let bytes = Number.POSITIVE_INFINITY;
  await until(() => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const goneBytes = bytes - heapUsed - external;
    bytes = heapUsed + external;
    return Math.abs(goneBytes) < STILL_BYTES;
  });
  return bytes;
}

test("a session that asks nothing keeps nothing of how it began", async (context) => {
  const probe = await openProbe({ database: "postgres", password: UPSTREAM_PASSWORD });
  await using upstream = await probe.upstream();
  const sessionsMax = FIRST_SESSIONS + MORE_SESSIONS;
  const { plane, port } = await startRig(context, { upstreamPort: upstream.port, sessionsMax });
  const gateway = { name: "gateway", port, user: "agent", tls: false };
  await using _first = await probe.hold(gateway, FIRST_SESSIONS);
  const before = await retainedBytes();
  await using _more = await probe.hold(gateway, MORE_SESSIONS);
  assert.equal(plane.gateway.sessionCount, sessionsMax);
  const eachBytes = ((await retainedBytes()) - before) / MORE_SESSIONS;
  context.diagnostic(`figure gateway.idle-session-bytes=${Math.round(eachBytes)}`);
  assert.ok(eachBytes < BYTES_EACH_MAX, `${Math.round(eachBytes)} bytes each`);
});
