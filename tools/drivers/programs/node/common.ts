/** What the programs of Node.js share: one line of JSON for each feature, with what the driver saw. */
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

const variable = (name: string): string => {
  const value = process.env[name];
  if (value === undefined) throw new Error(`${name} is not set`);
  return value;
};

export const SIDE = {
  host: variable("PGHOST"),
  port: Number(variable("PGPORT")),
  user: variable("PGUSER"),
  password: variable("PGPASSWORD"),
  database: variable("PGDATABASE"),
} as const;
export const AUTHORITY_FILE = variable("PGSSLROOTCERT");
export const AUTHORITY = readFileSync(AUTHORITY_FILE, "utf8");
export const OTHER_AUTHORITY_FILE = variable("OTHER_AUTHORITY");
export const OTHER_AUTHORITY = readFileSync(OTHER_AUTHORITY_FILE, "utf8");
export const SOCKET_FOLDER = variable("SOCKET_FOLDER");
export const port = (name: "DEAD" | "READONLY" | "SILENT" | "CLEAR" | "ANY" | "SOCKET"): number =>
  Number(variable(`${name}_PORT`));

const FEATURE_MS_MAX = 40_000;

/** What a feature does; its value is what the driver saw. */
type Feature = () => unknown;

/** A text in the place of a feature says why the driver has no such thing. */
export type Features = Readonly<Record<string, Feature | string>>;

/** Runs the features named on the command line. A text in a feature's place says why the driver has no such thing. */
export async function run(versions: string, features: Features): Promise<void> {
  // The drivers are to find nothing in the environment that they were not told by the program.
  for (const name of Object.keys(process.env)) if (name.startsWith("PG")) delete process.env[name];
  say({ versions });
  for (const name of process.argv.slice(2)) {
    const feature = features[name];
    if (typeof feature === "string") say({ feature: name, absent: feature });
    else if (feature !== undefined) say({ feature: name, ...(await outcome(feature)) });
  }
  // Not waiting for what never ended.
  process.exit();
}

async function outcome(feature: Feature): Promise<object> {
  try {
    const { promise, reject } = Promise.withResolvers<never>();
    const patience = setTimeout(() => reject(new Error("it never ended")), FEATURE_MS_MAX);
    try {
      return { saw: (await Promise.race([feature(), promise])) ?? null };
    } finally {
      clearTimeout(patience);
    }
  } catch (error) {
    if (process.env["EXPLAIN"] !== undefined) process.stderr.write(`${(error as Error).stack}\n`);
    return { failed: { state: stateOf(error), text: textOf(error) } };
  }
}

/** The SQLSTATE or the system's code; where there is neither, the driver's words. */
export function stateOf(error: unknown): string {
  const { code, message } = (causeOf(error) ?? {}) as { code?: string; message?: string };
  return code ?? String(message);
}

/** All that the server, the gateway and the driver said. */
export function textOf(error: unknown): string {
  const { message, detail = "" } = causeOf(error) as { message: string; detail?: string };
  return `${message} ${detail}`.trim();
}

/** What stands behind an error of a library that wraps its driver's. */
function causeOf(error: unknown): unknown {
  const { cause } = (error ?? {}) as { cause?: unknown };
  return cause instanceof Error ? causeOf(cause) : error;
}

/** What is asked for is an error: which one. */
export async function attempt(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return stateOf(error);
  }
}

/** What a server before PostgreSQL 17 makes of TLS from the first byte is to hang up. */
export async function orNone(promise: PromiseLike<unknown>): Promise<unknown> {
  const seen = await attempt(promise);
  return seen === "ECONNRESET" ? "the server has none" : seen;
}

/** An error with these words is what is asked for; any other is one. */
export async function turnedDown(words: string, promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    if (textOf(error).includes(words) || stateOf(error) === words) return words;
    throw error;
  }
}

const answers = createInterface(process.stdin);

export async function ask(what: "end all connections"): Promise<void> {
  const answered = once(answers, "line");
  say({ ask: what });
  await answered;
}

function say(line: unknown): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

export const numbers = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

/** Of an installed package, also of one that keeps that to itself. */
export function versionOf(name: string): string {
  const file = new URL(`../../../../node_modules/${name}/package.json`, import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
