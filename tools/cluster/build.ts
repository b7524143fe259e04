/** `node tools/cluster/build.ts [api|node]`: see to it that the servers of that tier are built. */
import { ALL_PROGRAMS, API_PROGRAMS, BuildFailed, buildProblem, ensurePrograms } from "./binaries.ts";

const say = (line: string): void => void process.stderr.write(`cluster: ${line}\n`);

const problem = buildProblem();
if (problem === undefined) {
  try {
    await ensurePrograms(process.argv[2] === "api" ? API_PROGRAMS : ALL_PROGRAMS, { say });
  } catch (error) {
    if (!(error instanceof BuildFailed)) throw error;
    say(error.message);
    process.exitCode = 1;
  }
} else {
  // The tests that need it say so too, and are red under CI=true.
  say(problem);
}
