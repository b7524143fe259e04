#!/usr/bin/env node
import { commands } from "./commands.ts";
import { processIo } from "./frame/io.ts";
import { run } from "./frame/run.ts";

// Setting the code instead of exiting lets a slow reader of the pipe get all of it.
try {
  process.exitCode = await run(commands, process.argv.slice(2), processIo());
} catch (bug) {
  // Node's own code for a crash is 1, which here means "it ran and found something".
  process.exitCode = 2;
  process.stderr.write(`sallyport: this is a bug in sallyport, please report it\n${stackOf(bug)}\n`);
}

function stackOf(bug: unknown): string {
  return bug instanceof Error ? (bug.stack ?? bug.message) : String(bug);
}
