/** What NEVER_MATCHES takes for impossible is impossible in every statement that analysis is tested with. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { ALWAYS_UNFILTERED, NEVER_UNFILTERED, WITHOUT_TABLE } from "#core/policy/lint/never-matches.ts";
import type { Access } from "#core/statements/postgres/facts.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { contextOf } from "#cli/asking.ts";
import { CASES } from "../statements/cases/all.ts";

const analyst = openAnalyst();
after(() => analyst[Symbol.asyncDispose]());

test("no statement contradicts what the lint believes", async () => {
  const seen = new Set<string>();
  for (const { sql, searchPath = ["public"] } of Object.values(CASES).flat()) {
    const { statements } = await analyst.analyse(sql, contextOf({ searchPath, serverVersion: 18 }));
    for (const access of statements.flatMap(({ accesses }) => accesses)) {
      seen.add(access.verb);
      assert.ok(isPossible(access), `${JSON.stringify(access)} in ${sql}`);
    }
  }
  for (const verb of [...NEVER_UNFILTERED, ...ALWAYS_UNFILTERED, ...WITHOUT_TABLE]) {
    assert.ok(seen.has(verb), `no case does ${verb}, so nothing is known of it`);
  }
});

function isPossible({ verb, relation, unfiltered }: Access): boolean {
  return !(
    (unfiltered && NEVER_UNFILTERED.has(verb)) ||
    (!unfiltered && ALWAYS_UNFILTERED.has(verb)) ||
    (relation !== undefined && WITHOUT_TABLE.has(verb))
  );
}
