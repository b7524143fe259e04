import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { check } from "#operator/admission/pod/check.ts";
import { checkEphemeral, injectEphemeral } from "#operator/admission/pod/ephemeral.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { checkUpdate } from "#operator/admission/pod/update.ts";
import { GATEWAY_UIDS } from "#operator/names.ts";
import { fuzzRuns, fuzzSeed } from "../support/fuzz.ts";
import { ephemeralArbitrary, factsArbitrary, podArbitrary } from "./arbitraries.ts";
import { SETTINGS } from "./surroundings.ts";

const parameters = { numRuns: fuzzRuns(1500), ...fuzzSeed() };
const uids = fc.constantFrom(GATEWAY_UIDS.first, 41_873, GATEWAY_UIDS.last);

test("a pod comes out trusted or is refused, and is left as it was given", (t) => {
  const outcomes = { injected: 0, refused: 0 };
  fc.assert(
    fc.property(podArbitrary, factsArbitrary, uids, (pod, facts, uid) => {
      const before = structuredClone(pod);
      const result = inject(pod, facts, SETTINGS, uid);
      outcomes[result.outcome]++;
      assert.deepEqual(pod, before);
      if (result.outcome === "injected") assert.deepEqual(check(result.pod, facts, SETTINGS), []);
      else assert.notEqual(result.findings.length, 0);
    }),
    parameters,
  );
  t.diagnostic(`figure pods.random-injected=${outcomes.injected}`);
  t.diagnostic(`figure pods.random-refused=${outcomes.refused}`);
  assert.ok(outcomes.injected > parameters.numRuns / 10 && outcomes.refused > parameters.numRuns / 10);
});

test("injecting twice is injecting once, whoever the gateway was to run as the second time", () => {
  fc.assert(
    fc.property(podArbitrary, factsArbitrary, uids, uids, (pod, facts, uid, otherUid) => {
      const once = inject(pod, facts, SETTINGS, uid);
      if (once.outcome === "refused") return;
      assert.deepEqual(inject(once.pod, facts, SETTINGS, otherUid), once);
    }),
    parameters,
  );
});

test("no user of the pod is the gateway's", () => {
  fc.assert(
    fc.property(podArbitrary, factsArbitrary, uids, (pod, facts, uid) => {
      const result = inject(pod, facts, SETTINGS, uid);
      if (result.outcome === "refused") return;
      const spec = result.pod.spec;
      const all = [...(spec?.initContainers ?? []), ...(spec?.containers ?? [])];
      const gateway = spec?.initContainers?.[1]?.securityContext?.runAsUser;
      assert.equal(all.filter(({ securityContext }) => securityContext?.runAsUser === gateway).length, 1);
      assert.ok(all.every(({ securityContext }) => securityContext?.runAsUser !== undefined));
    }),
    parameters,
  );
});

test("a pod that was not injected is never trusted, whatever it looks like", () => {
  fc.assert(
    fc.property(podArbitrary, factsArbitrary, (pod, facts) => {
      assert.notDeepEqual(check(pod, facts, SETTINGS), []);
    }),
    parameters,
  );
});

test("a trusted pod stays trusted through what ephemeral containers are let in, and changes in nothing", () => {
  fc.assert(
    fc.property(podArbitrary, factsArbitrary, uids, ephemeralArbitrary, (pod, facts, uid, ephemeral) => {
      const result = inject(pod, facts, SETTINGS, uid);
      if (result.outcome === "refused") return;
      const status = { initContainerStatuses: [{ name: "gw-init", state: { terminated: { exitCode: 0 } } }] };
      const live = { ...result.pod, status } as typeof result.pod;
      const asked = {
        ...live,
        spec: { ...live.spec, ephemeralContainers: [ephemeral] },
      } as typeof result.pod;
      const added = injectEphemeral(asked, live, facts);
      if (added.outcome === "refused") return;
      assert.deepEqual(checkEphemeral(added.pod, live, facts), []);
      assert.deepEqual(check(added.pod, facts, SETTINGS), []);
      assert.deepEqual(checkUpdate(added.pod, live, facts, SETTINGS), []);
    }),
    { ...parameters, numRuns: fuzzRuns(500) },
  );
});
