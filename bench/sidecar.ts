/**
 * What the gateway of a pod weighs and how soon it is ready, started as its image starts it: `node bench/sidecar.ts [--starts=9]`. Ends
 * with 1 when it weighs or takes more than it may. Needs root, for a network of its own.
 */
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { build } from "rolldown";
import { ENVIRONMENT, READY, startGateway } from "#test/capture/support/gateway.ts";
import { openNetwork } from "#test/capture/support/network.ts";
import { compiled } from "#tools/images/c-program.ts";
import { GATEWAY_ENVIRONMENT, gatewayCommand } from "#tools/images/gateway.ts";
import { bundleOf } from "../rolldown.config.ts";
import type { Weight } from "./sidecar/program.ts";

const MB = 1_000_000;
const MOST = { readyMs: 300, anonymousBytes: 60 * MB, residentBytes: 110 * MB } as const;
const SAYS = {
  ready: "ready, nothing asked yet",
  first: "after the first statement",
  thousand: "after a thousand",
  aside: "with the second parser too",
} as const satisfies Record<Weight["age"], string>;

const { values } = parseArgs({ options: { starts: { type: "string", default: "9" } } });
await using network = await openNetwork();
const folder = mkdtempSync(join(tmpdir(), "sallyport-bench-"));
try {
  chmodSync(folder, 0o755);
  const program = fileURLToPath(new URL("sidecar/program.ts", import.meta.url));
  const options = bundleOf(["gateway", "aside-worker"], folder);
  await build({ ...options, input: { ...Object(options.input), program }, logLevel: "warn" });
  const launcher = join(folder, "launcher");
  copyFileSync(await compiled("launcher"), launcher);
  chmodSync(launcher, 0o755);
  const starts: number[] = [];
  let weights: Weight[] = [];
  for (let start = 0; start < Number(values.starts); start += 1) {
    const told = await once(launcher);
    starts.push(told.readyMs);
    weights = told.weights;
  }
  process.exitCode = report(
    starts.toSorted((a, b) => a - b),
    weights,
  )
    ? 0
    : 1;
} finally {
  rmSync(folder, { recursive: true });
}

/** From the start of the container's first process until all is told. */
async function once(launcher: string): Promise<{ readonly readyMs: number; readonly weights: Weight[] }> {
  const command = gatewayCommand(launcher, process.execPath, join(folder, "gateway.js"));
  const preloaded = [...command.slice(0, -1), `--import=${join(folder, "program.js")}`, ...command.slice(-1)];
  await using child = startGateway(network.pod, preloaded, { ...GATEWAY_ENVIRONMENT, ...ENVIRONMENT });
  const beganMs = performance.now();
  await child.line(READY);
  const readyMs = performance.now() - beganMs;
  const [gateway] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").split(" ");
  process.kill(Number(gateway), "SIGUSR2");
  await child.line(/"age":"aside".*$/m);
  const lines = child
    .output()
    .split("\n")
    .filter((line) => line.startsWith('{"age"'));
  return { readyMs, weights: lines.map((line) => JSON.parse(line) as Weight) };
}

function report(starts: readonly number[], weights: readonly Weight[]): boolean {
  const middle = starts[Math.floor(starts.length / 2)] ?? Number.NaN;
  console.log(`start to ready: p50 ${middle.toFixed(0)} ms, slowest ${starts.at(-1)?.toFixed(0)} ms`);
  for (const { age, residentBytes, anonymousBytes, tookMs } of weights) {
    const size = `${(residentBytes / MB).toFixed(0)} MB, ${(anonymousBytes / MB).toFixed(0)} MB of it anonymous`;
    console.log(`${SAYS[age].padEnd(28)} ${size} (${tookMs.toFixed(age === "thousand" ? 3 : 0)} ms)`);
  }
  const after = weights.find(({ age }) => age === "thousand");
  return (
    middle <= MOST.readyMs &&
    after !== undefined &&
    after.residentBytes <= MOST.residentBytes &&
    after.anonymousBytes <= MOST.anonymousBytes
  );
}
