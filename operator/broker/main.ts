#!/usr/bin/env node
/** The program of the broker in a cluster. */
import { once } from "node:events";
import { realDisk } from "#broker/trail/real-disk.ts";
import { errorFields, openLog } from "#runtime/log.ts";
import { type Arguments, accessOf, readArguments } from "../process/arguments.ts";
import { openBrokerReplica } from "./replica.ts";
import { readBrokerSettings } from "./settings.ts";

const USAGE = "node broker.js --config FILE [--kubeconfig FILE]";
/** By convention of sysexits(3). */
const EX_USAGE = 64;
const EX_CONFIG = 78;
/** Then the process ends, whatever upstreams do: the journal knows what is left to take back. */
const STOP_MS_MAX = 20_000;

process.exitCode = await run();

async function run(): Promise<number> {
  const given = readArguments(process.argv.slice(2), USAGE);
  if (typeof given === "string") return fail(EX_USAGE, [given]);
  const settings = readBrokerSettings(given.config);
  if (!("state" in settings))
    return fail(
      EX_CONFIG,
      settings.map((problem) => `${given.config}: ${problem}`),
    );
  const log = openLog({
    write: (line) => process.stderr.write(line),
    nowMs: Date.now,
    level: settings.logLevel,
    fields: { process: "broker" },
  });
  const told = Promise.race([once(process, "SIGTERM"), once(process, "SIGINT")]);
  const stop = new AbortController();
  void told.then(() => stop.abort(new Error("told to end")));
  const access = () => accessOf(given satisfies Arguments, process.env);
  try {
    await using replica = await openBrokerReplica({
      settings,
      disk: realDisk,
      log,
      access,
      stop: stop.signal,
    });
    await told;
    log.info("stopping");
    replica.retire();
    setTimeout(() => {
      log.error("it took too long to end");
      process.exit(1);
    }, STOP_MS_MAX).unref();
    return 0;
  } catch (error) {
    // It was told to end before it had begun.
    if (stop.signal.aborted) return 0;
    log.error("the broker cannot run", errorFields(error));
    return 1;
  }
}

function fail(code: number, problems: readonly string[]): number {
  for (const problem of problems) process.stderr.write(`broker: ${problem}\n`);
  return code;
}
