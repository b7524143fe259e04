/**
 * Ends a test file that does not end by itself. Node bounds each test, not the process around it: one that goes on after its
 * last test, or that leaves a program holding its outputs, would be waited for without end, and nobody would learn which.
 */
import { readFileSync, readdirSync, readlinkSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { TestEvent } from "node:test/reporters";

export interface Watch extends Disposable {
  see(event: TestEvent): void;
  /** What had to be ended, a failure each. */
  problems(): readonly string[];
}

interface OpenFile {
  heardMs: number;
  readonly running: Set<string>;
  /** Known once the process has been found. */
  process: { readonly pid: number; readonly outputs: ReadonlySet<string> } | undefined;
  goneMs?: number;
}

const LOOK_MS = 1_000;
/** What a program may go on holding the outputs of a file that has ended, while it ends itself. */
const HELD_MS_MAX = 20_000;

/** A test may be silent for as long as one may take; a little more, so that Node's own bound comes first. */
function silenceMsMax(): number {
  const bounds = process.execArgv.flatMap((word) => /^--test-timeout=(\d+)$/.exec(word)?.[1] ?? []);
  return 1.1 * Math.max(0, ...bounds.map(Number)) || Number.POSITIVE_INFINITY;
}

export function watchFiles(silenceMs: number = silenceMsMax()): Watch {
  const open = new Map<string, OpenFile>();
  const problems: string[] = [];
  const heldMs = Math.min(HELD_MS_MAX, silenceMs);
  const timer = setInterval(look, LOOK_MS).unref();

  function look(): void {
    for (const [name, file] of open) {
      file.process ??= processOf(name);
      if (file.process === undefined) continue;
      const nowMs = Date.now();
      if (isThere(file.process.pid)) {
        if (nowMs - file.heardMs > silenceMs) end(name, file, nowMs - file.heardMs);
        continue;
      }
      file.goneMs ??= nowMs;
      if (nowMs - file.goneMs > heldMs) endHolders(name, file.process.outputs);
    }
  }

  function end(name: string, file: OpenFile, silentMs: number): void {
    const what =
      file.running.size > 0 ? `in ${[...file.running].join(", ")}` : "in no test that it has told of";
    tell(`${name} has said nothing for ${Math.round(silentMs / 1_000)} s, ${what}: its process is ended`);
    if (file.process !== undefined) kill(file.process.pid);
  }

  function endHolders(name: string, outputs: ReadonlySet<string>): void {
    for (const pid of holdersOf(outputs)) {
      tell(`${name} has left a program that holds its outputs, which is ended: ${commandOf(pid)}`);
      kill(pid);
    }
  }

  function tell(problem: string): void {
    problems.push(`FAILED  ${problem}\n`);
    process.stderr.write(`${problem}\n`);
  }

  return {
    see(event) {
      if (event.data === undefined || !("file" in event.data) || event.data.file === undefined) return;
      const name = relative(process.cwd(), event.data.file);
      const isWhole = "name" in event.data && resolve(event.data.name) === event.data.file;
      if (isWhole && event.type === "test:dequeue")
        open.set(name, { heardMs: Date.now(), running: new Set(), process: undefined });
      const file = open.get(name);
      // A test that another file has written is of one of those that are open; nobody says of which.
      if (file === undefined) return hear(open.values());
      hear([file]);
      // While it speaks it lives; once it is gone nobody can tell any more what its outputs were.
      file.process ??= processOf(name);
      if (isWhole && event.type === "test:complete") open.delete(name);
      else if (!isWhole && event.type === "test:dequeue") file.running.add(event.data.name);
      else if (event.type === "test:complete") file.running.delete(event.data.name);
    },
    problems: () => problems,
    [Symbol.dispose]: () => clearInterval(timer),
  };
}

function hear(files: Iterable<OpenFile>): void {
  for (const file of files) file.heardMs = Date.now();
}

/** The child of ours that was given the file. Where there is no /proc, nothing is found and nothing is ended. */
function processOf(name: string): OpenFile["process"] {
  const pid = children().find((child) => commandOf(child).endsWith(name));
  return pid === undefined ? undefined : { pid, outputs: new Set([linkOf(pid, 1), linkOf(pid, 2)].flat()) };
}

function holdersOf(outputs: ReadonlySet<string>): readonly number[] {
  return pids().filter(
    (pid) =>
      pid !== process.pid && descriptorsOf(pid).some((fd) => linkOf(pid, fd).some((to) => outputs.has(to))),
  );
}

function pids(): readonly number[] {
  return listed("/proc").filter(Number.isInteger);
}

function descriptorsOf(pid: number): readonly number[] {
  return listed(`/proc/${pid}/fd`);
}

function listed(folder: string): readonly number[] {
  return orElse(() => readdirSync(folder).map(Number), []);
}

function linkOf(pid: number, fd: number): readonly string[] {
  return orElse(() => [readlinkSync(`/proc/${pid}/fd/${fd}`)], []);
}

function children(): readonly number[] {
  const text = orElse(() => readFileSync(`/proc/self/task/${process.pid}/children`, "utf8"), "");
  return text.trim().split(" ").map(Number);
}

function commandOf(pid: number): string {
  return orElse(() => readFileSync(`/proc/${pid}/cmdline`, "utf8"), "")
    .replaceAll("\0", " ")
    .trim();
}

function isThere(pid: number): boolean {
  return orElse(() => !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8")), false);
}

function kill(pid: number): void {
  orElse(() => process.kill(pid, "SIGKILL"), true);
}

/** Processes end while one looks at them, some are not ours to look at, and not every system has a /proc. */
function orElse<Value>(look: () => Value, otherwise: Value): Value {
  try {
    return look();
  } catch (error) {
    if (!["ENOENT", "ESRCH", "EACCES", "EPERM"].includes((error as NodeJS.ErrnoException).code ?? ""))
      throw error;
    return otherwise;
  }
}
