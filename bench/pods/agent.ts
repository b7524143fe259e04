/** What runs in a pod as its agent: sessions as programs open them, and when it was told what. Started by pod.ts. */
import { Resolver } from "node:dns/promises";
import pg, { type Client } from "pg";
import { type Login, openRaw } from "../proxies/raw-session.ts";
import { type Target, probe } from "../proxies/probe.ts";
import type { Answered, Answers, Asked, Ended, Fresh, Task, Way } from "./agent-messages.ts";
import { nowMs } from "./clock.ts";
import { ORDERS_NAME, PLAIN_NAME, ROWS, USER } from "./names.ts";
import { NAMES } from "./own-network.ts";

const DATABASE = "postgres";
const HANG = "select owner from accounts where id = 1 and pg_sleep(600)::text is null";
const ASK = "select owner from accounts where id = 1";
const FRESH_TRIES_MAX = 200;

const port = Number(process.argv[2]);
const resolver = new Resolver();
resolver.setServers([NAMES]);

let sessions: { readonly client: Client; readonly closed: Promise<Ended> }[] = [];
let hanging: Promise<Ended>[] = [];

const perform: {
  readonly [Kind in Task["kind"]]: (task: Extract<Task, { kind: Kind }>) => Promise<Answers[Kind]>;
} = {
  async open({ sessions: count }) {
    sessions = [];
    for (let opened = 0; opened < count; opened += 1) sessions.push(await open());
    return undefined;
  },
  async hang() {
    hanging = sessions.map(({ client }) => outcome(client.query(HANG)));
    return undefined;
  },
  async close() {
    await Promise.all(sessions.map(({ client }) => client.end()));
    return undefined;
  },
  ended: () => Promise.all(hanging),
  closed: () => Promise.all(sessions.map(({ closed }) => closed)),
  ask: async () =>
    (await Promise.all(sessions.map(({ client }) => outcome(client.query(ASK))))).map(({ code }) => code),
  fresh,
  compare,
  async names({ rounds }) {
    const took: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const beganMs = nowMs();
      await resolver.resolve4(ORDERS_NAME);
      took.push(nowMs() - beganMs);
    }
    return took;
  },
};

process.on("disconnect", () => process.exit());
process.on("message", ({ id, task }: Asked) => {
  const done = (perform[task.kind] as (task: Task) => Promise<Answers[keyof Answers]>)(task);
  const say = (answered: Omit<Answered, "id">): void => void process.send?.({ id, ...answered });
  done.then(
    (answer) => say(answer === undefined ? {} : { answer }),
    (error: unknown) => say({ failed: String(error) }),
  );
});
process.send?.("started");

async function addressOf(name: string): Promise<string> {
  const [address] = await resolver.resolve4(name);
  if (address === undefined) throw new Error(`${name} has no address`);
  return address;
}

async function open(): Promise<(typeof sessions)[number]> {
  const client = new pg.Client({ host: await addressOf(ORDERS_NAME), port, user: USER, database: DATABASE });
  const { promise: closed, resolve } = Promise.withResolvers<Ended>();
  let code: string | undefined;
  client.on("error", (error) => (code ??= codeOf(error)));
  client.on("end", () => resolve({ atMs: nowMs(), code }));
  await client.connect();
  return { client, closed };
}

async function outcome(query: Promise<unknown>): Promise<Ended> {
  try {
    await query;
    return { atMs: nowMs(), code: undefined };
  } catch (error) {
    return { atMs: nowMs(), code: codeOf(error) };
  }
}

/** The server's code where it said one. */
function codeOf(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "string" ? code : String(error);
}

async function fresh(): Promise<Fresh> {
  let last: string | undefined;
  for (let tries = 1; tries <= FRESH_TRIES_MAX; tries += 1) {
    const next = await open().catch((error: unknown) => String(error));
    if (typeof next === "string") {
      last = next;
      continue;
    }
    const { atMs, code } = await outcome(next.client.query(ASK));
    await next.client.end();
    if (code === undefined) return { atMs, tries };
    last = code;
  }
  throw new Error(`not served in ${FRESH_TRIES_MAX} tries: ${last}`);
}

/** Ways to one and the same server, asked in turn. */
async function compare({
  password,
  relay,
  rounds,
  openings,
}: Extract<Task, { kind: "compare" }>): Promise<Way[]> {
  const login = { user: USER, database: DATABASE };
  const ways: readonly (Login & { readonly name: string })[] = [
    { ...login, name: "a plain relay", host: "127.0.0.1", port: relay.port, password },
    { ...login, name: "captured, relayed (tcp)", host: await addressOf(PLAIN_NAME), port, password },
    { ...login, name: "captured, with policy (postgres)", host: await addressOf(ORDERS_NAME), port },
  ];
  const openingsMs = ways.map((): number[] => []);
  for (let opening = 0; opening < openings; opening += 1)
    for (const [index, way] of ways.entries()) {
      const beganMs = nowMs();
      const session = await openRaw(way);
      openingsMs[index]?.push(nowMs() - beganMs);
      session.close();
    }
  const targets: Target[] = [];
  for (const way of ways) targets.push({ name: way.name, session: await openRaw(way), pids: [] });
  const latencies = await probe(
    targets,
    rounds,
    (round) => `select * from accounts where id = ${1 + ((round * 7919) % ROWS)}`,
  );
  for (const { session } of targets) session.close();
  return latencies.map(({ name, p50Us, p99Us }, index) => ({
    name,
    p50Us,
    p99Us,
    openingsMs: openingsMs[index] ?? [],
  }));
}
