/** Runs commands inside the test's own process: exit code and both outputs as text. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { SALLYPORT, commands } from "#cli/commands.ts";
import type { ExitCode } from "#cli/frame/command.ts";
import { readAll } from "#cli/frame/io.ts";
import { type CommandTable, run } from "#cli/frame/run.ts";

export interface Ran {
  readonly code: ExitCode;
  readonly out: string;
  readonly err: string;
}

export interface Circumstances {
  readonly input?: string | Buffer;
  readonly nowMs?: number;
  readonly colour?: boolean;
  readonly commands?: CommandTable;
}

/** Inside every example's time, so that nothing in a test depends on today. */
export const NOW_MS = Date.parse("2026-11-26T12:00:00Z");

export async function sallyport(words: readonly string[], given: Circumstances = {}): Promise<Ran> {
  let out = "";
  let err = "";
  const colour = given.colour ?? false;
  const code = await run({ program: SALLYPORT, commands: given.commands ?? commands }, words, {
    out: { write: (text) => void (out += text), colour },
    err: { write: (text) => void (err += text), colour },
    readInput: (bytesMax) => readAll(chunksOf(given.input ?? ""), bytesMax),
    nowMs: () => given.nowMs ?? NOW_MS,
  });
  return { code, out, err };
}

export const ROOT: string = fileURLToPath(new URL("../../", import.meta.url));

/** The program itself, as a process of its own. */
export function spawnSallyport(words: readonly string[], environment: Record<string, string> = {}): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, ["cli/main.ts", ...words], {
    cwd: ROOT,
    encoding: "utf8",
    env: { PATH: process.env["PATH"], ...environment },
    timeout: 30_000,
  });
  return { code: status as ExitCode, out: stdout, err: stderr };
}

async function* chunksOf(input: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(input);
  for (let at = 0; at < bytes.length; at += 1_000) yield bytes.subarray(at, at + 1_000);
}
