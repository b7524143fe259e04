/** One of our programs, from the words it was called with to its exit code. */
import { processIo } from "./frame/io.ts";
import { type Called, run } from "./frame/run.ts";

export async function runProgram(called: Called): Promise<void> {
  // Setting the code instead of exiting lets a slow reader of the pipe get all of it.
  try {
    process.exitCode = await run(called, process.argv.slice(2), processIo());
  } catch (bug) {
    // Node's own code for a crash is 1, which here means "it ran and found something".
    process.exitCode = 2;
    process.stderr.write(`sallyport: this is a bug in sallyport, please report it\n${stackOf(bug)}\n`);
  }
}

function stackOf(bug: unknown): string {
  return bug instanceof Error ? (bug.stack ?? bug.message) : String(bug);
}
