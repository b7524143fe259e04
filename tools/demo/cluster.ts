/** `make demo CLUSTER=1`: the same story in a Kubernetes of its own, on one node. It is gone afterwards, however this ends. */
import { once } from "node:events";
import { parseArgs } from "node:util";
import { nodeTierProblem } from "#tools/cluster/node/problem.ts";
import { tell } from "./cluster/steps.ts";
import { type Town, openTown } from "./cluster/town.ts";
import { type Narrator, narrator } from "./narrate.ts";
import { NotShown } from "./not-shown.ts";

const { values } = parseArgs({ options: { once: { type: "boolean", default: false } } });
const problem = nodeTierProblem();
if (problem === undefined) await main(values.once);
else fail(problem);

async function main(isOnce: boolean): Promise<void> {
  const stopping = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
    process.on(signal, () => stopping.abort(new Error(`told to end by ${signal}`)));
  const stop = stopping.signal;
  const told = narrator();
  told.title("Sallyport in a cluster: an agent without a password", []);
  try {
    const startedMs = performance.now();
    await using town = await openTown((what) => told.line(`  ${told.paint("dim", what)}`), stop);
    const tookS = ((performance.now() - startedMs) / 1_000).toFixed(0);
    told.line(`  ${told.paint("dim", `ready after ${tookS} s`)}`);
    await tell({ narrator: told, town });
    if (!isOnce) await stayUp(town, told, stop);
    told.line();
    told.line(`  ${told.paint("dim", "ending …")}`);
  } catch (error) {
    if (stop.aborted) return;
    if (!(error instanceof NotShown)) throw error;
    fail(error.message);
  }
}

async function stayUp({ environment }: Town, { paint, line }: Narrator, stop: AbortSignal): Promise<void> {
  line();
  line(`  ${paint("bold", "It stays up. In another terminal:")}`);
  line();
  for (const [name, value] of Object.entries(environment)) line(`     export ${name}=${value}`);
  line(
    `     ${paint("cyan", "kubectl exec -it deployment/agent -n shop -c agent -- psql -h orders-db.shop -d shop")}`,
  );
  line(`     ${paint("cyan", "kubectl edit secretaccesspolicy reporting -n shop")}`);
  line(`     ${paint("cyan", "kubectl sallyport sessions -n shop --watch")}`);
  line();
  line(`  ${paint("dim", "Ctrl-C ends it and removes everything.")}`);
  if (!stop.aborted) await once(stop, "abort");
}

function fail(message: string): void {
  console.error(`demo: ${message}`);
  process.exitCode = 1;
}
