/** Analyses the statements that cost the most memory, one after the other, as a gateway does for its agent. */
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { TREE_CHARS_MAX, treeCharsMaxIn } from "#sidecar/statements/limits.ts";
import { session } from "../support.ts";

const BOMBS: readonly string[] = [
  `insert into t values ${"(1,2,3),".repeat(32_000)}(1,2,3)`,
  `select 1 where a in (${"1,".repeat(127_000)}1)`,
  `select ${"a,".repeat(127_000)}a`,
  `select ${"f(a),".repeat(52_000)}a`,
  "select 1;".repeat(29_000),
];
const ROUNDS = 3;

const isBounded = process.argv[2] === "bounded";
const treeCharsMax = isBounded ? treeCharsMaxIn(process.constrainedMemory()) : TREE_CHARS_MAX;
await using analyst = openAnalyst({ treeCharsMax, aside: { deadlineMs: 60_000 } });
const codes = new Set<string>();
for (let round = 0; round < ROUNDS; round += 1)
  for (const bomb of BOMBS) {
    const { statements } = await analyst.analyse(`${bomb} -- ${round}`, session());
    for (const { doubts } of statements) for (const { code } of doubts) codes.add(code);
  }
const good = await analyst.analyse("select id from orders", session());
process.stdout.write(JSON.stringify({ codes: [...codes], good: good.statements[0]?.class }));
