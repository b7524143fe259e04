#!/usr/bin/env node
/** The program of the operator. */
import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { errorFields, openLog } from "#runtime/log.ts";
import { readSettings } from "./config/read.ts";
import { accessOf, readArguments } from "./process/arguments.ts";
import { startOperator } from "./process/operator.ts";

/** By convention of sysexits(3). */
const EX_USAGE = 64;
const EX_CONFIG = 78;

process.exitCode = await run();

async function run(): Promise<number> {
  const words = readArguments(process.argv.slice(2));
  if (typeof words === "string") return fail(EX_USAGE, [words]);
  const settings = readSettings(words.config);
  if (!("namespace" in settings))
    return fail(
      EX_CONFIG,
      settings.map((problem) => `${words.config}: ${problem}`),
    );
  const log = openLog({
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
    level: settings.logLevel,
    fields: { process: "operator" },
  });
  const told = Promise.withResolvers<void>();
  const hurry = new AbortController();
  let signals = 0;
  for (const signal of ["SIGTERM", "SIGINT"] as const)
    process.on(signal, () => {
      signals += 1;
      if (signals === 1) told.resolve();
      else hurry.abort();
    });
  try {
    const operator = await startOperator({
      settings,
      kubeConfig: await accessOf(words, process.env),
      // A pod that is started anew has the same name, and is another.
      identity: `${hostname()}_${randomUUID()}`,
      log,
    });
    await told.promise;
    await operator.stop(hurry.signal);
    return 0;
  } catch (error) {
    log.error("the operator cannot run", errorFields(error));
    return 1;
  }
}

function fail(code: number, problems: readonly string[]): number {
  for (const problem of problems) process.stderr.write(`operator: ${problem}\n`);
  return code;
}
