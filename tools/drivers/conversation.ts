/**
 * One run of a driver's program. It says a line of JSON for each feature, and may ask for something that only happens
 * outside of it, such as the loss of all its connections: then it waits for a line on its standard input.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import type { FeatureId } from "./features.ts";
import type { Said } from "./judge.ts";

export interface Program {
  readonly command: readonly [string, ...string[]];
  readonly folder: string;
}

/** What a program may ask for. */
export type Ask = "end all connections";

export interface Told {
  readonly features: ReadonlyMap<string, Said>;
  /** Of the driver and whatever it stands on. */
  readonly versions: string;
}

/** Between two lines of a program. */
const SILENCE_MS_MAX = 60_000;
const WORDS_CHARS_MAX = 8_000;

type Line = ({ readonly feature: string } & Said) | { readonly versions: string } | { readonly ask: Ask };

export async function hear(
  { command: [file, ...words], folder }: Program,
  environment: Readonly<Record<string, string>>,
  features: readonly FeatureId[],
  answer: (ask: Ask) => Promise<void>,
): Promise<Told> {
  const child = spawn(file, [...words, ...features], {
    cwd: folder,
    env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8", ...environment },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const exited = once(child, "close");
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-WORDS_CHARS_MAX);
  });
  const told = new Map<string, Said>();
  let versions = "";
  const patience = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS_MAX);
  for await (const text of createInterface(child.stdout)) {
    patience.refresh();
    const line = JSON.parse(text) as Line;
    if ("versions" in line) versions = line.versions;
    else if ("ask" in line) {
      await answer(line.ask);
      child.stdin.write("done\n");
    } else {
      const { feature, ...said } = line;
      told.set(feature, said);
    }
  }
  clearTimeout(patience);
  const [code, signal] = (await exited) as [number | null, string | null];
  if (code !== 0)
    throw new Error(
      `${[file, ...words].join(" ")} ended with ${code ?? signal} after ${[...told.keys()].at(-1)}:\n${complaints}`,
    );
  return { features: told, versions };
}
