/**
 * What a gateway costs beside what one would pick instead: direct, haproxy (bytes only), pgbouncer (a pooler in session mode)
 * and Sallyport, on the same server in the same minute. `node bench/proxies.ts [--rounds=3000]`. Compare ratios of one run;
 * absolute numbers of a shared machine say little.
 */
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Peer, startHaproxy, startPgbouncer } from "./proxies/peers.ts";
import { type Bulk, type Latency, type Target, bulk, probe } from "./proxies/probe.ts";
import { type Login, openRaw } from "./proxies/raw-session.ts";
import { ROWS, openBenchWorld } from "./world.ts";

const ROUNDS = Number(process.argv.find((word) => word.startsWith("--rounds="))?.slice(9) ?? 3_000);
const BULK_RUNS = 5;

await using opened = new AsyncDisposableStack();
const bench = opened.use(await openBenchWorld({ connectionsMax: 60 }));
const folder = await mkdtemp(join(tmpdir(), "sallyport-bench-"));
opened.defer(() => rm(folder, { recursive: true }));
await chmod(folder, 0o755);
const upstream = { port: bench.world.server.port, password: bench.world.server.password };
const peers: Peer[] = [];
for (const peer of [await startHaproxy(upstream, folder), await startPgbouncer(upstream, folder)])
  if (peer !== undefined) peers.push(opened.use(peer));

const targets: Target[] = [await target("direct", bench.direct, [])];
for (const { name, version, port, pids } of peers)
  targets.push(await target(`${name} ${version}`, { ...bench.direct, port }, pids));
targets.push(await target("sallyport", bench.through, bench.gateway.pids()));

const byId = (round: number): string =>
  `select id, owner, balance from accounts where id = ${1 + ((round * 104_729) % ROWS)}`;
const masked = (round: number): string =>
  `select id, owner, email from accounts where id = ${1 + ((round * 104_729) % ROWS)}`;
printLatency("one row by key", await probe(targets, ROUNDS, byId));
printLatency("one row, a column masked by sallyport", await probe(targets, ROUNDS, masked));
printBulk(
  "100,000 rows",
  await bulk(targets, BULK_RUNS, "select id, owner, balance, filler from accounts where id > 0"),
);
for (const { session } of targets) session.close();

async function target(name: string, login: Login, pids: readonly number[]): Promise<Target> {
  return { name, session: await openRaw(login), pids };
}

function printLatency(title: string, rows: readonly Latency[]): void {
  const base = rows[0]?.p50Us ?? Number.NaN;
  console.log(`\n${title}, ${ROUNDS} rounds`);
  for (const { name, p10Us, p50Us, p99Us, cpuUs } of rows)
    console.log(
      `  ${name.padEnd(26)} p10 ${us(p10Us)}  p50 ${us(p50Us)}  p99 ${us(p99Us)}  added ${us(p50Us - base)}  ${(p50Us / base).toFixed(2)} x  cpu ${cpuUs === undefined ? "      –" : us(cpuUs)}`,
    );
}

function printBulk(title: string, rows: readonly Bulk[]): void {
  console.log(`\n${title}, ${BULK_RUNS} runs, medians`);
  for (const { name, megabytesPerSecond, cpuMsPerMegabyte } of rows)
    console.log(
      `  ${name.padEnd(26)} ${megabytesPerSecond.toFixed(0).padStart(5)} MB/s  cpu ${cpuMsPerMegabyte === undefined ? "–" : `${cpuMsPerMegabyte.toFixed(2)} ms/MB`}`,
    );
}

function us(value: number): string {
  return `${Math.round(value)} µs`.padStart(8);
}
