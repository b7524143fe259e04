/**
 * Many sessions at once through one gateway: `node bench/connections.ts [--open=2000] [--active=200] [--seconds=10]`. Ends
 * with 1 when a single query failed.
 */
import { readFileSync } from "node:fs";
import { openBenchWorld, ROWS } from "./world.ts";
import { type RawSession, openMany, queryMessage } from "./proxies/raw-session.ts";

const SPARE_CONNECTIONS = 40;

const open = numberOf("open", 2_000);
const active = numberOf("active", 200);
const seconds = numberOf("seconds", 10);

await using bench = await openBenchWorld({
  connectionsMax: open + SPARE_CONNECTIONS,
  words: ["--workers", "2"],
});
const idleBytes = rss();
const openingMs = performance.now();
const sessions = await openMany(bench.through, open);
const openedS = (performance.now() - openingMs) / 1_000;
const openBytes = rss();
const { latenciesUs, failed } = await work(sessions.slice(0, active));
const busyBytes = rss();
for (const session of sessions) session.close();
print();
process.exitCode = failed === 0 && sessions.length === open ? 0 : 1;

/** Every session asks as soon as it has its answer. */
async function work(workers: readonly RawSession[]): Promise<{ latenciesUs: number[]; failed: number }> {
  const taken: number[] = [];
  let failures = 0;
  const endMs = performance.now() + seconds * 1_000;
  await Promise.all(
    workers.map(async (session, index) => {
      for (let round = 0; performance.now() < endMs; round += 1) {
        const id = 1 + ((index * 7919 + round * 104_729) % ROWS);
        const begin = process.hrtime.bigint();
        const bytes = await session.ask(queryMessage(`select * from accounts where id = ${id}`));
        taken.push(Number(process.hrtime.bigint() - begin) / 1_000);
        // A row of this table is longer than any refusal is.
        if (bytes < 250) failures += 1;
      }
    }),
  );
  return { latenciesUs: taken.toSorted((a, b) => a - b), failed: failures };
}

function print(): void {
  const at = (part: number): string =>
    `${((latenciesUs[Math.floor(latenciesUs.length * part)] ?? Number.NaN) / 1_000).toFixed(1)} ms`;
  const perSession = Math.round((openBytes - idleBytes) / open / 1_024);
  console.log(
    `${sessions.length} sessions open after ${openedS.toFixed(1)} s, ${active} of them active for ${seconds} s`,
  );
  console.log(
    `${latenciesUs.length} queries, ${failed} failed, ${Math.round(latenciesUs.length / seconds)} a second`,
  );
  console.log(`latency p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}`);
  console.log(
    `memory of all processes of the gateway: ${mb(idleBytes)} idle, ${mb(openBytes)} open (${perSession} kB a session), ${mb(busyBytes)} busy`,
  );
}

function rss(): number {
  return bench.gateway
    .pids()
    .map(
      (pid) =>
        Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1_024,
    )
    .reduce((sum, bytes) => sum + bytes, 0);
}

function mb(bytes: number): string {
  return `${Math.round(bytes / 1_048_576)} MB`;
}

function numberOf(name: string, fallback: number): number {
  const word = process.argv.find((each) => each.startsWith(`--${name}=`));
  return word === undefined ? fallback : Number(word.slice(name.length + 3));
}
