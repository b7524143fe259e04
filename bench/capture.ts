/**
 * What capture and the gateway add to a connection of a pod, beside a plain relay of ours in the same pod, and what the gateway weighs
 * with a hundred sessions: `node bench/capture.ts [--rounds=3000] [--openings=100] [--sessions=100]`. Needs root.
 */
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { GATEWAY, startIn } from "#test/capture/support/network.ts";
import { openBenchCluster } from "./pods/cluster.ts";
import { OUTSIDE, enterOwnNetwork } from "./pods/own-network.ts";
import { startPod } from "./pods/pod.ts";
import { quantile, tell } from "./pods/report.ts";

enterOwnNetwork();
const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "3000" },
    openings: { type: "string", default: "100" },
    sessions: { type: "string", default: "100" },
  },
});
const RELAY_PORT = 9_000;
const NAME_ROUNDS = 1_000;
const MB = 1_000_000;
const password = "of-the-relay-too";

await using cluster = await openBenchCluster();
await cluster.setPassword(password);
await cluster.writeSecret(password);
await cluster.writePlain();
await using pod = await startPod(cluster, 1);
const relayProgram = fileURLToPath(new URL("pods/plain-relay.ts", import.meta.url));
await using relay = await startIn(pod.place, GATEWAY, [
  process.execPath,
  relayProgram,
  String(RELAY_PORT),
  OUTSIDE,
  String(cluster.server.port),
]);
await relay.line(/^listening$/m);
await pod.tell({ kind: "fresh" });
const idleBytes = pod.residentBytes();
const ways = await pod.tell({
  kind: "compare",
  password,
  relay: { port: RELAY_PORT },
  rounds: Number(values.rounds),
  openings: Number(values.openings),
});
const [plain] = ways;
if (plain === undefined) throw new Error("nothing was compared");
for (const { name, p50Us, p99Us, openingsMs } of ways) {
  const ratio = name === plain.name ? "" : `, ${(p50Us / plain.p50Us).toFixed(2)} times (p50)`;
  const added =
    name === plain.name ? "" : `, ${us(p50Us - plain.p50Us)} and ${us(p99Us - plain.p99Us)} added`;
  tell(`a query by ${name}`, `p50 ${us(p50Us)}, p99 ${us(p99Us)}${added}${ratio}`);
  tell(`a session by ${name}`, `p50 ${ms(quantile(openingsMs, 0.5))}, p99 ${ms(quantile(openingsMs, 0.99))}`);
}
const namesMs = await pod.tell({ kind: "names", rounds: NAME_ROUNDS });
tell("a name", `p50 ${ms(quantile(namesMs, 0.5))}, p99 ${ms(quantile(namesMs, 0.99))}`);
await pod.tell({ kind: "open", sessions: Number(values.sessions) });
await pod.tell({ kind: "ask" });
tell("gateway after its first session", `${(idleBytes / MB).toFixed(0)} MB resident`);
tell(`gateway with ${values.sessions} sessions`, `${(pod.residentBytes() / MB).toFixed(0)} MB resident`);

function us(value: number): string {
  return `${value.toFixed(0)} µs`;
}

function ms(value: number): string {
  return `${value.toFixed(2)} ms`;
}
