/** The client of all figures: a C program, compiled once, that costs next to nothing itself and is driven by lines. */
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const SOURCES = fileURLToPath(new URL("../probe/", import.meta.url));
const CACHE = fileURLToPath(new URL("../../.cache/bench/", import.meta.url));
const WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"];
/** OpenSSL's headers come with Node.js; the library is the one that psql brings along. */
const LIBRARIES = ["-l:libssl.so.3", "-l:libcrypto.so.3", "-lpthread"];
const OUTPUT_BYTES_MAX = 512 * 1024 * 1024;

/** Somebody that a client can connect to, at 127.0.0.1. */
export interface Endpoint {
  /** One word. */
  readonly name: string;
  readonly port: number;
  readonly user: string;
  readonly tls: boolean;
  /** Connects to the server only when something is asked. */
  readonly isLazy?: boolean;
}

/** What all clients of one run sign in with, where they are asked. */
export interface SignIn {
  readonly database: string;
  readonly password: string;
}

export interface Query {
  readonly mode: "simple" | "prepared";
  /** `%d` stands for a key from 1 to `keys`. */
  readonly sql: string;
  readonly keys: number;
}

export interface Probe {
  /** One client, every endpoint once in each round, in random order: microseconds, by name. */
  paired(endpoints: readonly Endpoint[], query: Query, rounds: number): Promise<Map<string, number[]>>;
  /** Clients that ask again as soon as they have their answer. */
  load(endpoint: Endpoint, query: Query, clients: number): Promise<Load>;
  bulk(endpoint: Endpoint): Promise<Bulk>;
  /** From nothing to the first row, every endpoint once in each round, in random order: microseconds, by name. */
  connect(endpoints: readonly Endpoint[], query: Query, rounds: number): Promise<Map<string, number[]>>;
  /** Sessions that ask nothing until they are disposed of. */
  hold(endpoint: Endpoint, sessions: number): Promise<Held>;
  /** A server that signs everybody in and says nothing more; the port it listens on. */
  upstream(): Promise<Upstream>;
}

export interface Held extends AsyncDisposable {
  readonly tookUs: number;
}

export interface Upstream extends AsyncDisposable {
  readonly port: number;
}

export interface Load extends AsyncDisposable {
  run(
    transactions: number,
  ): Promise<{ readonly tookUs: number; readonly p50Us: number; readonly p99Us: number }>;
}

export interface Bulk extends AsyncDisposable {
  run(sql: string): Promise<{ readonly tookUs: number; readonly bytes: number; readonly rows: number }>;
}

export async function openProbe({ database, password }: SignIn): Promise<Probe> {
  const program = await compiled();
  const env = { PROBE_DATABASE: database, PROBE_PASSWORD: password };
  const times =
    (command: "paired" | "connect"): Probe["paired"] =>
    async (endpoints, { mode, sql, keys }, rounds) => {
      const words = [command, String(rounds), mode, sql, String(keys), ...endpoints.map(wordOf)];
      const { stdout } = await run(program, words, { env, maxBuffer: OUTPUT_BYTES_MAX });
      return new Map(stdout.trimEnd().split("\n").map(readTimes));
    };
  return {
    paired: times("paired"),
    connect: times("connect"),
    async hold(endpoint, sessions) {
      const told = await openLines(
        program,
        ["hold", String(sessions), endpoint.isLazy === true ? "asks" : "silent", wordOf(endpoint)],
        env,
      );
      return { tookUs: Number(await told.next()) / 1_000, [Symbol.asyncDispose]: () => told.end() };
    },
    async upstream() {
      const told = await openLines(program, ["upstream"], env);
      return { port: Number(await told.next()), [Symbol.asyncDispose]: () => told.end() };
    },
    async load(endpoint, { mode, sql, keys }, clients) {
      const words = ["load", String(clients), mode, sql, String(keys), wordOf(endpoint)];
      const told = await openLines(program, words, env);
      return {
        async run(transactions) {
          const [took = Number.NaN, p50 = Number.NaN, p99 = Number.NaN] = await told.ask(
            String(transactions),
          );
          return { tookUs: took / 1_000, p50Us: p50 / 1_000, p99Us: p99 / 1_000 };
        },
        [Symbol.asyncDispose]: () => told.end(),
      };
    },
    async bulk(endpoint) {
      const told = await openLines(program, ["bulk", wordOf(endpoint)], env);
      return {
        async run(sql) {
          const [took = Number.NaN, bytes = Number.NaN, rows = Number.NaN] = await told.ask(sql);
          return { tookUs: took / 1_000, bytes, rows };
        },
        [Symbol.asyncDispose]: () => told.end(),
      };
    },
  };
}

const wordOf = ({ name, port, user, tls }: Endpoint): string =>
  `${name}:${port}:${user}:${tls ? "tls" : "plain"}`;

function readTimes(line: string): [string, number[]] {
  const [name = "", ...times] = line.split(" ");
  return [name, times.map((ns) => Number(ns) / 1_000)];
}

interface Lines {
  next(): Promise<string>;
  /** The numbers of the line that comes of it. */
  ask(line: string): Promise<number[]>;
  end(): Promise<void>;
}

/** The program once it has said `ready`. */
async function openLines(
  program: string,
  words: readonly string[],
  env: Record<string, string>,
): Promise<Lines> {
  const child = spawn(program, words, { env, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  // It has ended: what it said of that comes with the line that is missing.
  child.stdin.on("error", () => undefined);
  const exited = new Promise<void>((resolve) => child.once("close", () => resolve()));
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next();
    if (done !== true) return value;
    // Its two outputs end one after the other: only at its end is all heard that it said.
    await exited;
    throw new Error(`${words[0]} ${words.at(-1)}: ${said.trim()}`);
  };
  const first = await next();
  if (first !== "ready") throw new Error(`${words[0]} says ${first}`);
  return {
    next,
    async ask(line) {
      child.stdin.write(`${line}\n`);
      return (await next()).split(" ").map(Number);
    },
    async end() {
      child.stdin.end();
      await exited;
    },
  };
}

async function compiled(): Promise<string> {
  const names = readdirSync(SOURCES).filter((name) => /\.[ch]$/.test(name));
  const sources = names.filter((name) => name.endsWith(".c"));
  const headers = join(dirname(process.execPath), "../include/node");
  const flags = ["-std=gnu11", "-O2", ...WARNINGS, "-I", headers];
  const digest = createHash("sha256").update(JSON.stringify(flags));
  for (const name of names) digest.update(readFileSync(join(SOURCES, name)));
  const program = `${CACHE}probe-${digest.digest("hex").slice(0, 16)}`;
  if (existsSync(program)) return program;
  mkdirSync(CACHE, { recursive: true });
  const draft = `${program}.${process.pid}`;
  await run("cc", [...flags, "-o", draft, ...sources, ...LIBRARIES], { cwd: SOURCES });
  renameSync(draft, program);
  return program;
}
