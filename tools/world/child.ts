/** Programs of ours as child processes that never outlive us, even when we are killed without a word. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { Socket } from "node:net";

export interface ChildOptions {
  readonly environment?: Readonly<Record<string, string>>;
  readonly uid?: number;
  /** Removed after the program when this process is killed. */
  readonly folder?: string;
  /** What ends it; SIGKILL for a program whose data nobody wants. */
  readonly endedBy?: "SIGTERM" | "SIGKILL";
}

export interface Child extends AsyncDisposable {
  readonly pid: number;
  /** What it has said so far, on both outputs. */
  output(): string;
  /** The first line that fits, from the beginning on. Rejects when the process ends before, or after that long. */
  line(pattern: RegExp, waitMs?: number): Promise<RegExpExecArray>;
  kill(signal: NodeJS.Signals): void;
  /** Once all that it said is in `output()`. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

export class ChildFailed extends Error {
  override readonly name = "ChildFailed";
}

const OUTPUT_CHARS_MAX = 4 * 1024 * 1024;
const WAIT_MS = 30_000;
const STOP_MS_MAX = 20_000;
/** Programs that it started may go on holding its outputs: what it said itself has long been read by then. */
const HELD_MS_MAX = 2_000;

/**
 * The shell becomes the program; the guard beside it holds the other end of our lifeline. When we are gone without a word it
 * ends the program and removes what we would have removed. It is no pipe of the program's, which Node closes when that ends.
 */
const GUARDED = `
folder=$1; signal=$2; shift 2
( ( if ! read -r word <&3; then
      kill -s "$signal" $$ 2>/dev/null
      tries=0
      while kill -0 $$ 2>/dev/null && [ $tries -lt 300 ]; do tries=$((tries + 1)); sleep 0.1; done
      [ -z "$folder" ] || rm -rf -- "$folder"
    fi ) </dev/null >/dev/null 2>&1 & )
exec "$@" 3<&-`;

export function startChild(command: readonly [string, ...string[]], options: ChildOptions = {}): Child {
  const endedBy = options.endedBy ?? "SIGTERM";
  const words = ["sh", options.folder ?? "", endedBy.slice("SIG".length), ...command];
  const child = spawn("sh", ["-c", GUARDED, ...words], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    // A terminal's Ctrl-C goes to all of its foreground processes; ours are ended by us, in order.
    detached: true,
    env: { PATH: process.env["PATH"] ?? "", ...options.environment },
    ...(options.uid === undefined ? {} : { uid: options.uid }),
  });
  const ended = once(child, "exit");
  const [, stdout, stderr, lifeline] = child.stdio;
  if (!(stdout instanceof Socket && stderr instanceof Socket && lifeline instanceof Socket))
    throw new ChildFailed(`${command[0]} cannot be started`);
  // The guard may have ended before us.
  lifeline.on("error", () => undefined).unref();
  const heard = listen([stdout, stderr], ended);
  const exited = ended.then(async ([code, signal]) => {
    await heard.toTheEnd();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  return {
    pid: child.pid ?? -1,
    output: heard.text,
    exited,
    kill: (signal) => void child.kill(signal),
    line: (pattern, waitMs = WAIT_MS) => heard.line(pattern, waitMs, command.join(" ")),
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill(endedBy);
        const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS_MAX);
        await exited;
        clearTimeout(timer);
      }
      lifeline.end("ended\n");
    },
  };
}

function listen(outputs: readonly Socket[], ended: Promise<unknown>) {
  let output = "";
  let isOver = false;
  const watchers = new Set<() => void>();
  const wake = (): void => {
    for (const watcher of watchers) watcher();
  };
  for (const stream of outputs)
    stream.setEncoding("utf8").on("data", (text: string) => {
      output = (output + text).slice(-OUTPUT_CHARS_MAX);
      wake();
    });
  const closed = Promise.allSettled(outputs.map((stream) => once(stream, "close")));
  void Promise.allSettled([ended, closed]).then(() => {
    isOver = true;
    wake();
  });

  async function toTheEnd(): Promise<void> {
    const late = Promise.withResolvers<void>();
    const timer = setTimeout(late.resolve, HELD_MS_MAX);
    await Promise.race([closed, late.promise]);
    clearTimeout(timer);
  }

  async function line(pattern: RegExp, waitMs: number, name: string): Promise<RegExpExecArray> {
    const found = Promise.withResolvers<RegExpExecArray>();
    const look = (): void => {
      const match = pattern.exec(output);
      if (match !== null) found.resolve(match);
      else if (isOver) found.reject(new ChildFailed(`${name} has ended:\n${output.slice(-2_000)}`));
    };
    const timer = setTimeout(
      () => found.reject(new ChildFailed(`${name} does not say ${pattern}:\n${output.slice(-2_000)}`)),
      waitMs,
    );
    watchers.add(look);
    look();
    try {
      return await found.promise;
    } finally {
      watchers.delete(look);
      clearTimeout(timer);
    }
  }
  return { text: () => output, line, toTheEnd };
}
