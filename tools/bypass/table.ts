/** `make bypass`: what every attack comes to, as a table. Fails when one is not as it should be. */
import { NETWORK_THREATS } from "#test/bypass/network/index.ts";
import { openNetworkField } from "#test/bypass/network/support/field.ts";
import { NODE_THREATS } from "#test/bypass/node/index.ts";
import { openNodeField } from "#test/bypass/node/support/field.ts";
import { duel } from "#test/bypass/support/duel.ts";
import { fight } from "#test/bypass/support/fight.ts";
import { type Fought, shortly, TIERS } from "#test/bypass/support/fought.ts";

const HEAD = ["threat", "tier", "attack", "without us", "with us", "seconds"];

// One after the other: each of them is a good part of what a machine has.
const fought = [...(await fight()), ...(await inNetwork()), ...(await onNode())].toSorted(byThreat);
process.stdout.write(table([HEAD, HEAD.map(() => "---"), ...fought.map(rowOf)]));
const tiers = Object.entries(TIERS).map(([letter, words]) => `${letter}: ${words}`);
process.stdout.write(`\n${tiers.join(" · ")}\n`);
const wrong = fought.filter(({ faults }) => faults.length > 0);
for (const { threat, attack, faults } of wrong)
  process.stderr.write(`${threat} ${attack}: ${faults.join("; ")}\n`);
const threats = new Set(fought.map(({ threat }) => threat));
process.stdout.write(
  `${threats.size} threats, ${fought.length} attacks, ${wrong.length} not as they should be\n`,
);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function inNetwork(): Promise<readonly Fought[]> {
  await using field = await openNetworkField();
  return await duel("N", NETWORK_THREATS, field);
}

async function onNode(): Promise<readonly Fought[]> {
  await using field = await openNodeField();
  return await duel("K", NODE_THREATS, field);
}

function byThreat({ threat: one }: Fought, { threat: other }: Fought): number {
  return Number(one.slice(1)) - Number(other.slice(1));
}

function rowOf({ threat, tier, attack, without, with: outcome, seconds }: Fought): readonly string[] {
  return [threat, tier, attack, shortly(without), shortly(outcome), seconds.toFixed(1)];
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`).join("");
}
