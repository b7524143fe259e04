import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { originOf } from "#operator/admission/origin/origin.ts";
import { checkStamps, stamp } from "#operator/admission/origin/stamp.ts";
import { check } from "#operator/admission/pod/check.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { OPT_OUTS } from "./opt-outs.ts";
import { exampleOf, FACTS, GATEWAY_UID, SETTINGS } from "./surroundings.ts";

const AUTHOR = { username: "mallory", groups: ["dev"] };

describe("there is no way out by", () => {
  for (const { name, pod: text, outcome } of OPT_OUTS) {
    test(`${name}: ${outcome}`, () => {
      const { pod } = exampleOf(text);
      const result = inject(pod, FACTS, SETTINGS, GATEWAY_UID);
      assert.equal(result.outcome, outcome, JSON.stringify(result));
      if (result.outcome === "refused") {
        assert.ok(result.findings.every(({ field, fix }) => field !== "" && fix !== ""));
        return;
      }
      const read = originOf(AUTHOR);
      assert.ok(read.outcome === "read");
      const stamped = stamp(result.pod, read.origin);
      assert.deepEqual(check(stamped, FACTS, SETTINGS), []);
      assert.deepEqual(checkStamps(stamped, read.origin), []);
    });
  }
});

test("the list is long enough to be believed", (t) => {
  t.diagnostic(`figure pods.opt-outs=${OPT_OUTS.length}`);
  assert.ok(OPT_OUTS.length >= 25);
  assert.equal(new Set(OPT_OUTS.map(({ name }) => name)).size, OPT_OUTS.length);
});
