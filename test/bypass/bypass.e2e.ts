/** Nobody gets around admission: each attack works without us, and does not with us; what is like it and harmless goes through. */
import assert from "node:assert/strict";
import { before, describe, test } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { fight } from "./support/fight.ts";
import type { Fought } from "./support/fought.ts";
import { OUTAGE, OUTAGES } from "./support/outages.ts";
import { THREATS } from "./threats/index.ts";

const MUST_BE_FOUGHT =
  "T1 T2 T3 T4 T5 T6 T7 T8 T9 T10 T11 T12 T13 T15 T16 T17 T32 T33 T34 T35 T36 T37 T38 T39 T40 T44 T47 T48 T49".split(
    " ",
  );

describe("around admission", { skip: skipWithoutApiTier() }, () => {
  let fought: readonly Fought[] = [];
  before(async () => {
    fought = await fight();
  });

  for (const { id, title, attacks } of [...THREATS, { ...OUTAGE, attacks: OUTAGES }]) {
    describe(`${id}: ${title}`, () => {
      for (const { name } of attacks) {
        test(name, () => {
          const one = fought.find(({ threat, attack }) => threat === id && attack === name);
          assert.deepEqual(one?.faults, []);
        });
      }
    });
  }

  test("every threat of this tier is fought, and opting out often enough to be believed", (t) => {
    const ids = new Set(fought.map(({ threat }) => threat));
    assert.deepEqual(
      MUST_BE_FOUGHT.filter((id) => !ids.has(id)),
      [],
    );
    const optOuts = fought.filter(({ threat }) => threat === "T9").length;
    assert.ok(optOuts >= 25);
    t.diagnostic(`figure bypass.attacks=${fought.length}`);
    t.diagnostic(`figure bypass.opt-outs=${optOuts}`);
  });
});
