/**
 * How soon an edit of a policy is in force everywhere: `node bench/immediacy.ts [--open=1000] [--streaming=100]`. The edit takes
 * all rights away; of each session the time is taken until it has been told and is closed. Ends with 1 when the slowest in a
 * hundred takes longer than a second, or when a session stays.
 */
import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { openBenchWorld } from "./world.ts";
import { type RawSession, openMany, queryMessage } from "./proxies/raw-session.ts";

const SPARE_CONNECTIONS = 40;
const P99_MS_MAX = 1_000;
const CLOSED_MS_MAX = 30_000;
const FLOWING_MS = 2_000;
/** Ten billion rows. */
const ENDLESS = "select a.id, a.filler from accounts a, accounts b";

const open = numberOf("open", 1_000);
const streaming = numberOf("streaming", 100);

await using bench = await openBenchWorld({
  connectionsMax: open + SPARE_CONNECTIONS,
  words: ["--workers", "2"],
});
const sessions = await openMany(bench.through, open);
let streamedBytes = 0;
const streams = sessions.slice(0, streaming);
for (const { socket } of streams) socket.on("data", (chunk: Buffer) => (streamedBytes += chunk.length));
await Promise.all(streams.map(begin));
await pause(FLOWING_MS);
const closings = sessions.map(({ socket }) =>
  once(socket, "close", { signal: AbortSignal.timeout(CLOSED_MS_MAX) }),
);
await bench.revokeAll();
const editedMs = performance.now();
const took = await Promise.allSettled(
  closings.map(async (closing) => {
    await closing;
    return performance.now() - editedMs;
  }),
);
const isStreaming = (index: number): boolean => index < streaming;
print(
  "idle",
  took.filter((_, index) => !isStreaming(index)),
);
print(
  "streaming",
  took.filter((_, index) => isStreaming(index)),
);
const p99Ms = print("all", took);
console.log(`${Math.round(streamedBytes / 1_048_576)} MB were streamed`);
process.exitCode = p99Ms <= P99_MS_MAX && took.every(({ status }) => status === "fulfilled") ? 0 : 1;

/** Resolves with the first bytes. */
async function begin({ socket }: RawSession): Promise<void> {
  const first = once(socket, "data");
  socket.write(queryMessage(ENDLESS));
  await first;
}

function print(name: string, outcomes: readonly PromiseSettledResult<number>[]): number {
  const timesMs = outcomes
    .flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []))
    .toSorted((a, b) => a - b);
  const at = (part: number): number => timesMs[Math.ceil(timesMs.length * part) - 1] ?? Number.NaN;
  const stayed = outcomes.length - timesMs.length;
  const [p50, p99, max] = [at(0.5), at(0.99), at(1)].map((value) => `${Math.round(value)} ms`);
  console.log(
    `${name}: ${outcomes.length} sessions closed after p50 ${p50}, p99 ${p99}, at most ${max}; ${stayed} stayed`,
  );
  return at(0.99);
}

function numberOf(name: string, fallback: number): number {
  const word = process.argv.find((each) => each.startsWith(`--${name}=`));
  return word === undefined ? fallback : Number(word.slice(name.length + 3));
}
