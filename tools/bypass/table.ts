/** `make bypass`: what every attack comes to, as a table. Fails when one is not as it should be. */
import { type Fought, fight } from "#test/bypass/support/fight.ts";

const HEAD = ["threat", "tier", "attack", "without us", "with us"];

const fought = await fight();
process.stdout.write(table([HEAD, HEAD.map(() => "---"), ...fought.map(rowOf)]));
const wrong = fought.filter(({ faults }) => faults.length > 0);
for (const { threat, attack, faults } of wrong)
  process.stderr.write(`${threat} ${attack}: ${faults.join("; ")}\n`);
process.stdout.write(`\n${fought.length} attacks, ${wrong.length} not as they should be\n`);
process.exitCode = wrong.length === 0 ? 0 : 1;

function rowOf({ threat, attack, without, with: outcome }: Fought): readonly string[] {
  return [threat, "A", attack, without, outcome];
}

function table(rows: readonly (readonly string[])[]): string {
  return rows.map((row) => `| ${row.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`).join("");
}
