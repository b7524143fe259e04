/**
 * A network that this program has for itself, with all addresses of a cluster that it needs: everything that it starts is in it, pods
 * are wired to it, and nothing of it is left on the machine.
 */
import { execFileSync, spawnSync } from "node:child_process";

/** Of whatever is outside of pods: broker, database. */
export const OUTSIDE = "203.0.113.7";
/** Of the cluster's name server. */
export const NAMES = "10.96.0.10";
/** Simulated pods: whoever dials one of these addresses comes from it too. */
const STREAMS = "10.98.0.0/16";
const MARK = "SALLYPORT_BENCH_NETWORK";

/** Returns in a copy of this program that is in there; this one ends with it. */
export function enterOwnNetwork(): void {
  if (process.env[MARK] === undefined) {
    const command = ["--net", "--", process.execPath, ...process.execArgv, ...process.argv.slice(1)];
    const { status } = spawnSync("unshare", command, {
      stdio: "inherit",
      env: { ...process.env, [MARK]: "own" },
    });
    process.exit(status ?? 1);
  }
  const ip = (words: string): Buffer => execFileSync("ip", words.split(" "));
  ip("link set lo up");
  for (const address of [OUTSIDE, NAMES]) ip(`addr add ${address} dev lo`);
  ip(`route add local ${STREAMS} dev lo`);
}

export function streamAddress(index: number): string {
  return `10.98.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
}
