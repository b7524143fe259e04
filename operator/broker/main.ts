#!/usr/bin/env node
/** The program of the broker in a cluster. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { realDisk } from "#broker/trail/real-disk.ts";
import { errorFields, openLog } from "#runtime/log.ts";
import { openBrokerReplica } from "./replica.ts";
import { readBrokerSettings } from "./settings.ts";

const USAGE = "node broker.js --config FILE";
/** By convention of sysexits(3). */
const EX_USAGE = 64;
const EX_CONFIG = 78;
/** Then the process ends, whatever upstreams do: the journal knows what is left to take back. */
const STOP_MS_MAX = 20_000;

process.exitCode = await run();

async function run(): Promise<number> {
  const path = configIn(process.argv.slice(2));
  if (typeof path !== "string") return fail(EX_USAGE, path);
  const settings = readBrokerSettings(path);
  if (!("state" in settings))
    return fail(
      EX_CONFIG,
      settings.map((problem) => `${path}: ${problem}`),
    );
  const log = openLog({
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
    level: settings.logLevel,
    fields: { process: "broker" },
  });
  const told = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  try {
    await using replica = await openBrokerReplica({ settings, disk: realDisk, log });
    await told;
    log.info("stopping");
    replica.retire();
    setTimeout(() => {
      log.error("it took too long to end");
      process.exit(1);
    }, STOP_MS_MAX).unref();
    return 0;
  } catch (error) {
    log.error("the broker cannot run", errorFields(error));
    return 1;
  }
}

function configIn(words: readonly string[]): string | readonly string[] {
  try {
    const { values } = parseArgs({ args: [...words], options: { config: { type: "string" } }, strict: true });
    return values.config ?? [`--config is missing: ${USAGE}`];
  } catch (error) {
    // parseArgs' own words name the word that it does not know.
    if (!(error instanceof TypeError)) throw error;
    return [`${error.message}: ${USAGE}`];
  }
}

function fail(code: number, problems: readonly string[]): number {
  for (const problem of problems) process.stderr.write(`broker: ${problem}\n`);
  return code;
}
