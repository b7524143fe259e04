/** What every protocol's row in the table promises, asked of each with its own blocks and requests. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ProtocolName, RuleFamily } from "#core/policy/protocols/family.ts";
import { PROTOCOL_NAMES, familyOf } from "#core/policy/protocols/table.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { allowRules, denyRules } from "./arbitraries.ts";
import { kubernetesDenials, kubernetesGrants, kubernetesRequests } from "./kubernetes-arbitraries.ts";
import { requests } from "./request-arbitraries.ts";

const RUNS = { numRuns: fuzzRuns(400), ...fuzzSeed() };

interface Samples {
  readonly granting: fc.Arbitrary<unknown>;
  readonly denying: fc.Arbitrary<unknown>;
  readonly requests: fc.Arbitrary<unknown>;
}

const SAMPLES: Record<ProtocolName, Samples> = {
  kubernetes: {
    granting: kubernetesGrants,
    denying: kubernetesDenials,
    requests: kubernetesRequests,
  },
  postgres: {
    granting: allowRules.map(({ postgres }) => postgres),
    denying: denyRules.map(({ postgres }) => postgres),
    requests,
  },
  tcp: {
    granting: fc.constant({}),
    denying: fc.constant({}),
    requests: fc.constant({ protocol: "tcp" }),
  },
};

for (const protocol of PROTOCOL_NAMES) {
  const family = familyOf(protocol);
  const { granting, denying, requests: asked } = SAMPLES[protocol];
  const compiled = (block: unknown, effect: "allow" | "deny" | "ask"): unknown =>
    family.compileRule(block, effect, "", (path, message) => assert.fail(`${path} ${message}`));

  test(`${protocol}: a rule that covers a demand says so in words, and one that does not says why`, () => {
    fc.assert(
      fc.property(granting, asked, (block, request) => {
        const matcher = compiled(block, "allow");
        for (const demand of family.demands(request)) {
          assert.equal(family.whyNotCovered(matcher, demand).length === 0, family.covers(matcher, demand));
        }
      }),
      RUNS,
    );
  });

  test(`${protocol}: rules and demands that have to do with each other share a key`, () => {
    fc.assert(
      fc.property(granting, denying, asked, (grant, denial, request) => {
        const allowing = compiled(grant, "allow");
        const denyingRule = compiled(denial, "deny");
        for (const demand of family.demands(request)) {
          if (family.covers(allowing, demand)) assert.ok(shareKey(family, allowing, demand));
          if (family.touches(denyingRule, demand, true) === "hit")
            assert.ok(shareKey(family, denyingRule, demand));
        }
      }),
      RUNS,
    );
  });

  test(`${protocol}: a vouched demand that can be looked up is never met blindly`, () => {
    fc.assert(
      fc.property(denying, asked, (denial, request) => {
        const matcher = compiled(denial, "deny");
        for (const demand of family.demands(request)) {
          if (family.keysOfDemand(demand) === undefined) continue;
          assert.notEqual(family.touches(matcher, demand, true), "blind");
        }
      }),
      RUNS,
    );
  });

  test(`${protocol}: a rule that covers a demand touches it, when it denies the same`, () => {
    fc.assert(
      fc.property(granting, asked, (block, request) => {
        const allowing = compiled(block, "allow");
        const denyingRule = compiled(block, "deny");
        for (const demand of family.demands(request)) {
          if (family.covers(allowing, demand))
            assert.notEqual(family.touches(denyingRule, demand, true), "none");
        }
      }),
      RUNS,
    );
  });

  test(`${protocol}: what is said of a demand is one printable line`, () => {
    fc.assert(
      fc.property(asked, (request) => {
        for (const demand of family.demands(request)) assert.match(family.say(demand), /^[^\p{C}]{1,400}$/u);
      }),
      RUNS,
    );
  });
}

function shareKey(family: RuleFamily, matcher: unknown, demand: unknown): boolean {
  const rule = family.keysOfRule(matcher);
  const asked = family.keysOfDemand(demand);
  return rule === undefined || asked === undefined || rule.some((key) => asked.includes(key));
}
