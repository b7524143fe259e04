/**
 * `make cluster`: a cluster that stays until `make cluster-down`. Its output is for a shell's `eval`; the rest is said aside.
 * `--bare`: without images of agents.
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { openSync, readFileSync } from "node:fs";
import { dirname } from "node:path";
import { ensurePrograms, ALL_PROGRAMS } from "../binaries.ts";
import { clientPaths } from "../clients.ts";
import { nodeTierProblem } from "./problem.ts";
import { KEEPER, KEEPER_LOG, type Standing, findStanding } from "./standing.ts";

const say = (line: string): void => void process.stderr.write(`cluster: ${line}\n`);

const problem = nodeTierProblem();
if (problem === undefined) {
  const standing = (await findStanding()) ?? (await start());
  if (standing === undefined) process.exitCode = 1;
  else tell(standing);
} else {
  say(problem);
  process.exitCode = 1;
}

async function start(): Promise<Standing | undefined> {
  await ensurePrograms(ALL_PROGRAMS, { say });
  const log = openSync(KEEPER_LOG, "w");
  const keeper = fork(KEEPER, process.argv.slice(2), {
    detached: true,
    stdio: ["ignore", log, log, "ipc"],
    execArgv: [],
  });
  const ended = once(keeper, "exit").then(() => false);
  const isReady = await Promise.race([once(keeper, "message").then(() => true), ended]);
  if (!isReady) say(`it does not start:\n${readFileSync(KEEPER_LOG, "utf8").slice(-4_000)}`);
  keeper.unref();
  return isReady ? findStanding() : undefined;
}

function tell({ kubeconfig, images }: Standing): void {
  say(`up, until \`make cluster-down\`; images in it: ${images.join(", ") || "none"}`);
  const variables = {
    KUBECONFIG: kubeconfig,
    // What kubectl remembers of a server must not be found by the next one at the same address.
    KUBECACHEDIR: `${kubeconfig}.cache`,
    PATH: `${dirname(clientPaths().kubectl)}:$PATH`,
  };
  const words = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
  process.stdout.write(`export ${words.join(" ")}\n`);
}
