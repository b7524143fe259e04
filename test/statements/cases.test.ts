import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { CASES } from "./cases/all.ts";
import { described, inOrder, session } from "./support.ts";

const analyst = openAnalyst();
after(() => analyst[Symbol.asyncDispose]());

for (const [theme, cases] of Object.entries(CASES)) {
  describe(`statements: ${theme}`, () => {
    for (const { sql, expect, searchPath, searchPathAfterTransaction } of cases) {
      const path = searchPath === undefined ? "" : ` on path ${searchPath.join(", ")}`;
      it(`${JSON.stringify(sql)}${path}`, async () => {
        const context = session({
          ...(searchPath === undefined ? {} : { searchPath, searchPathAfterTransaction: searchPath }),
          ...(searchPathAfterTransaction === undefined ? {} : { searchPathAfterTransaction }),
        });
        assert.equal(described(await analyst.analyse(sql, context)), inOrder(expect));
      });
    }
  });
}

it("the table holds at least 150 cases", (t) => {
  const count = Object.values(CASES).flat().length;
  t.diagnostic(`figure statements.cases=${count}`);
  assert.ok(count >= 150, `${count} cases`);
});
