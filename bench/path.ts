/**
 * What the gateway's own code takes for a statement and for a row, without sockets, processes and trail:
 * `node bench/path.ts [--rounds=12] [--only=simple|prepared|rows]`. Processor time of one thread and no system call, so it says something
 * on a busy machine too: the quiet part of its rounds counts. `cold` is by the clock, after something else has had the processor's caches.
 */
import { readFileSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { serialize } from "pg-protocol";
import { BULK_ROWS } from "./path/schema.ts";
import { type PathSession, openPathSession } from "./path/session.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "12" }, only: { type: "string", default: "" } },
});
const ROUNDS = Number(values.rounds);
const STATEMENTS = 500;
/** A round is much longer than what the scheduler's count lags behind. */
const TIMES = 24;
const WARM_UP = 20;
const WAIT_MS_MAX = 10_000;
const SCHEDULED = `/proc/self/task/${process.pid}/schedstat`;
/** What a socket is read in. */
const CHUNK_BYTES = 64 * 1024;
const COLD = 300;
const LINE_BYTES = 64;
/** More than the caches of a core hold. */
const EVICT = new Uint8Array(16 * 1024 * 1024);

const SELECT = (key: number | string): string =>
  `select id, owner, email, phone, balance from accounts where id = ${key}`;

interface Exchange {
  readonly request: Buffer;
  readonly answer: Buffer;
}

/** Microseconds from the client's bytes to the server's, and from the answer to the client. */
interface Took {
  readonly there: number;
  readonly back: number;
}

await using session = await openPathSession();
if (values.only === "" || values.only === "simple") await statements("simple", await simple(session));
if (values.only === "" || values.only === "prepared") await statements("prepared", await prepared(session));
if (values.only === "" || values.only === "rows") {
  await rows("rows, two values of each redacted", "select id, owner, email, phone, note from bulk");
  await rows("rows, none redacted", "select id, owner, contact, mobile, note from bulk");
}

async function simple({ ask }: PathSession): Promise<readonly Exchange[]> {
  const made: Exchange[] = [];
  for (let key = 1; key <= STATEMENTS; key += 1) {
    const request = serialize.query(SELECT(key));
    made.push({ request, answer: await ask(request) });
  }
  return made;
}

async function prepared(opened: PathSession): Promise<readonly Exchange[]> {
  const parse = Buffer.concat([
    serialize.parse({ name: "one", text: SELECT("$1"), types: [] }),
    serialize.sync(),
  ]);
  const parsed = await opened.ask(parse);
  await passes(parse);
  opened.upstream.says(parsed);
  const made: Exchange[] = [];
  for (let key = 1; key <= STATEMENTS; key += 1) {
    const request = Buffer.concat([
      serialize.bind({ portal: "", statement: "one", values: [String(key)] }),
      serialize.describe({ type: "P", name: "" }),
      serialize.execute({ portal: "", rows: 0 }),
      serialize.sync(),
    ]);
    made.push({ request, answer: await opened.ask(request) });
  }
  return made;
}

function exchange({ request, answer }: Exchange): Took {
  const { client, upstream } = session;
  const begin = performance.now();
  client.says(request);
  const middle = performance.now();
  upstream.says(answer);
  const end = performance.now();
  return { there: (middle - begin) * 1_000, back: (end - middle) * 1_000 };
}

async function statements(name: string, all: readonly Exchange[]): Promise<void> {
  const { client, upstream } = session;
  for (const each of all.slice(0, 2)) {
    await passes(each.request);
    // What is masked of the first result may have to be known before it is asked for.
    for (const message of messagesOf(each.answer)) {
      upstream.says(message);
      await setImmediate();
    }
  }
  for (let round = 0; round < WARM_UP; round += 1) for (const each of all) exchange(each);
  const writes = client.writes + upstream.writes;
  const hot: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = cpuUs();
    for (let time = 0; time < TIMES; time += 1) for (const each of all) exchange(each);
    hot.push((cpuUs() - begin) / all.length / TIMES);
    await setImmediate();
  }
  const perStatement = (client.writes + upstream.writes - writes) / (ROUNDS * all.length * TIMES);
  const cold = await coldly(all);
  console.log(
    `${name.padEnd(10)} ${quartile(hot).toFixed(2)} µs hot; cold ${cold.there.toFixed(1)} µs there, ${cold.back.toFixed(1)} µs back; ${perStatement.toFixed(2)} writes`,
  );
}

async function coldly(all: readonly Exchange[]): Promise<Took> {
  const took: Took[] = [];
  for (const each of all.slice(0, COLD)) {
    for (let byte = 0; byte < EVICT.length; byte += LINE_BYTES) EVICT[byte] = (EVICT[byte] ?? 0) + 1;
    took.push(exchange(each));
    await setImmediate();
  }
  return { there: quartile(took.map(({ there }) => there)), back: quartile(took.map(({ back }) => back)) };
}

/** The first of its kind has to be parsed, by a parser that has to be started. */
async function passes(request: Buffer): Promise<void> {
  const { client, upstream } = session;
  const before = upstream.writes;
  const untilMs = performance.now() + WAIT_MS_MAX;
  client.says(request);
  while (upstream.writes === before) {
    if (performance.now() > untilMs) throw new Error("the request was not forwarded");
    await setImmediate();
  }
}

function* messagesOf(answer: Buffer): Iterable<Buffer> {
  for (let at = 0; at < answer.length; ) {
    const end = at + 1 + answer.readInt32BE(at + 1);
    yield answer.subarray(at, end);
    at = end;
  }
}

async function rows(name: string, text: string): Promise<void> {
  const { client, upstream } = session;
  const request = serialize.query(text);
  const answer = await session.ask(request);
  const took: number[] = [];
  const ask = async (): Promise<void> => {
    await passes(request);
    for (let at = 0; at < answer.length; at += CHUNK_BYTES)
      upstream.says(answer.subarray(at, at + CHUNK_BYTES));
  };
  for (let time = 0; time < WARM_UP; time += 1) await ask();
  const writes = client.writes;
  for (let round = 0; round < ROUNDS; round += 1) {
    const begin = cpuUs();
    for (let time = 0; time < TIMES; time += 1) await ask();
    took.push((cpuUs() - begin) / TIMES);
  }
  const wrote = (client.writes - writes) / ROUNDS / TIMES;
  const us = quartile(took);
  console.log(
    `${name}: ${((us * 1_000) / BULK_ROWS).toFixed(0)} ns a row, ${(answer.length / us / 1_000).toFixed(2)} GB/s, ${(wrote / (answer.length / CHUNK_BYTES)).toFixed(2)} writes a chunk`,
  );
}

/** Of this thread, as the scheduler counts it: what preempts it is none of it. */
function cpuUs(): number {
  const [ns] = readFileSync(SCHEDULED, "utf8").split(" ");
  return Number(ns) / 1_000;
}

function quartile(all: readonly number[]): number {
  return all.toSorted((a, b) => a - b)[Math.floor(all.length / 4)] ?? Number.NaN;
}
