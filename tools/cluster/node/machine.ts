/**
 * The machine that the cluster's node is: namespaces of mounts, network, processes and IPC, held by one process. When that one
 * goes, everything in it goes, and it goes with us, even when we are killed without a word.
 */
import { execFile, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { Socket } from "node:net";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { compiledSources } from "#tools/world/compiled.ts";
import { COLLECTING_SELDOM } from "../control-plane.ts";

const run = promisify(execFile);
const SCRIPTS = fileURLToPath(new URL(".", import.meta.url));
const READY_MS_MAX = 10_000;
const OUTPUT_CHARS = 4_096;
const COMMAND_MS_MAX = 60_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Something of the node tier does not work that a test is not about. */
export class NodeTierFailed extends Error {
  override readonly name = "NodeTierFailed";
}

export type Command = readonly [string, ...string[]];

export interface Program {
  readonly name: string;
  hasEnded(): boolean;
  readonly exited: Promise<unknown>;
  /** The end of what it has said. */
  output(): string;
  /** Ends it by that signal; resolves when it is gone. */
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Machine extends AsyncDisposable {
  readonly folder: string;
  /** Of the process that holds the namespaces, as the host numbers it. */
  readonly pid: number;
  /** Starts a program in there; what it says goes to `<folder>/log/<name>.log`. It ends with the machine. */
  start(name: string, command: Command): Program;
  /** Runs a command in there to its end. A code other than 0 is an answer. */
  run(command: Command, stdin?: string | { readonly file: string }): Promise<Output>;
}

/** `folder` must be empty but for `pause`, `log/`, and be named by `newFolder`; `kept` are other folders to be seen in there. */
export async function startMachine(folder: string, kept: readonly string[]): Promise<Machine> {
  const holder = spawn(`${SCRIPTS}hold.sh`, [folder, ...kept], {
    cwd: "/",
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A terminal's Ctrl-C is for us; what is ours is ended by us, in order.
    detached: true,
  });
  const [, stdout, stderr, lifeline] = holder.stdio;
  if (!(stdout instanceof Socket && stderr instanceof Socket && lifeline instanceof Socket))
    throw new NodeTierFailed("the holder of the namespaces cannot be started");
  // The guard may have ended before us.
  lifeline.on("error", () => undefined).unref();
  const end = async (): Promise<void> => {
    await ended(holder);
    await removeWhatIsLeft(folder);
    lifeline.end("ended\n");
  };
  try {
    await ready(stdout, stderr);
    const pid = childOf(holder);
    if (pid === undefined) throw new NodeTierFailed("the namespaces have ended");
    return machineOf(folder, pid, end);
  } catch (error) {
    await end();
    throw error;
  }
}

async function ready(stdout: Socket, stderr: Socket): Promise<void> {
  let said = "";
  stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-4_096)));
  const lines = createInterface(stdout);
  const over = once(lines, "close").then(() => {
    throw new NodeTierFailed(`the namespaces cannot be made: ${said.trim()}`);
  });
  await Promise.race([once(lines, "line", { signal: AbortSignal.timeout(READY_MS_MAX) }), over]);
  over.catch(() => undefined);
}

/** `unshare` and `nsenter` have one child each, once they have begun. */
function childOf({ pid }: ChildProcess): number | undefined {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim();
  return children === "" ? undefined : Number(children);
}

/** By its pid 1, which is not collected before every other process in there is gone, and then `unshare` ends. */
async function ended(holder: ChildProcess): Promise<void> {
  if (holder.exitCode !== null || holder.signalCode !== null) return;
  const exited = once(holder, "exit");
  killChildOf(holder, "SIGKILL");
  await exited;
}

function killChildOf(parent: ChildProcess, signal: NodeJS.Signals): void {
  const child = childOf(parent);
  if (child === undefined) parent.kill(signal);
  else process.kill(child, signal);
}

export async function removeWhatIsLeft(folder: string): Promise<void> {
  await run(`${SCRIPTS}remove.sh`, [folder]);
}

function machineOf(folder: string, pid: number, end: () => Promise<void>): Machine {
  const inside = ["--target", String(pid), "--mount", "--net", "--pid", "--ipc", "--"];
  return {
    folder,
    pid,
    start: (name, command) => start(name, [...inside, ...command], `${folder}/log/${name}.log`),
    run: (command, stdin) => runInside([...inside, ...command], stdin),
    [Symbol.asyncDispose]: end,
  };
}

const ENVIRONMENT = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", ...COLLECTING_SELDOM, ...compiledSources() };

function start(name: string, words: readonly string[], logFile: string): Program {
  const log = openSync(logFile, "a");
  // nsenter stays the program's parent, and ends as the program does.
  const child = spawn("nsenter", words, {
    cwd: "/",
    env: ENVIRONMENT,
    stdio: ["ignore", log, log],
    detached: true,
  });
  closeSync(log);
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    name,
    hasEnded,
    exited: once(child, "exit"),
    output: () => readFileSync(logFile, "utf8").slice(-OUTPUT_CHARS),
    async kill(signal) {
      if (hasEnded()) return;
      const exited = once(child, "exit");
      killChildOf(child, signal);
      await exited;
    },
  };
}

async function runInside(
  words: readonly string[],
  stdin: string | { readonly file: string } = "",
): Promise<Output> {
  const input = typeof stdin === "string" ? "pipe" : openSync(stdin.file, "r");
  const child = spawn("nsenter", words, {
    cwd: "/",
    env: ENVIRONMENT,
    stdio: [input, "pipe", "pipe"],
    timeout: COMMAND_MS_MAX,
    killSignal: "SIGKILL",
  });
  if (typeof input === "number") closeSync(input);
  // A command that does not read to the end has its own word to say about it.
  child.stdin?.on("error", () => undefined).end(stdin);
  if (child.stdout === null || child.stderr === null) throw new TypeError("both outputs are pipes");
  const [stdout, stderr, [code, signal]] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    once(child, "close") as Promise<[number | null, NodeJS.Signals | null]>,
  ]);
  if (code === null)
    throw new NodeTierFailed(`${words.join(" ")} was ended by ${signal ?? "nobody"}: ${stderr}`);
  return { code, stdout, stderr };
}

async function textOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of stream) {
    bytes += piece.length;
    if (bytes > OUTPUT_BYTES_MAX) throw new NodeTierFailed("a command in the node says more than 16 MiB");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
