/** psql: what its features share. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { AUTHORITY_FILE, SIDE } from "./common.ts";

export const DRIVER = "psql";
const QUIET = ["-X", "-q", "-A", "-t", "-v", "VERBOSITY=verbose"];

export interface Running {
  /** More of the script, for one that goes on. */
  say(text: string): void;
  interrupt(): void;
  /** What it has printed by now. */
  printed(): string;
  /** All that it printed. */
  readonly ended: Promise<string[]>;
}

/** A connection string's settings; `undefined` takes one away. */
export type Settings = Readonly<Record<string, string | number | undefined>>;

export function start(script: string, changed: Settings = {}): Running {
  const child = spawn("psql", [...QUIET, "-d", connectionString(changed), "-f", "-"], {
    env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", PGOPTIONS: "" },
    stdio: ["pipe", "pipe", "pipe"],
  });
  let output = "";
  const keep = (chunk: Buffer): void => void (output += chunk.toString("utf8"));
  child.stdout.on("data", keep);
  child.stderr.on("data", keep);
  // One that could not connect takes no more of its script.
  child.stdin.on("error", () => undefined);
  child.stdin.write(script);
  return {
    say: (text) => void child.stdin.write(text),
    interrupt: () => void child.kill("SIGINT"),
    printed: () => output,
    get ended() {
      child.stdin.end();
      return once(child, "close").then(() => linesOf(output));
    },
  };
}

/** Verbose errors tell where in the server's source they were raised, which is none of ours. */
const linesOf = (output: string): string[] =>
  output.split("\n").filter((line) => line !== "" && !line.startsWith("LOCATION:"));

export function connectionString(changed: Settings): string {
  const all = {
    host: SIDE.host,
    port: SIDE.port,
    user: SIDE.user,
    password: SIDE.password,
    dbname: SIDE.database,
    sslmode: "verify-full",
    sslrootcert: AUTHORITY_FILE,
    ...changed,
  };
  return Object.entries(all)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}='${String(value).replaceAll(/[\\']/g, String.raw`\$&`)}'`)
    .join(" ");
}

export const psql = (script: string, changed?: Settings): Promise<string[]> => start(script, changed).ended;

export const CLEAR = `delete from notes where driver = '${DRIVER}';\n`;
export const NOTES = `select n, body from notes where driver = '${DRIVER}' order by n;\n`;
