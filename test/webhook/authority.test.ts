import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { bundleOf, trusts } from "#operator/authority/bundle.ts";
import {
  AUTHORITY_VALID_MS,
  type AuthorityRecord,
  decodeRecord,
  encodeRecord,
  nextRecord,
} from "#operator/authority/record.ts";
import { type Serving, SETTLE_MS, nextServing, notServing } from "#operator/authority/serving.ts";
import type { WebhookConfiguration } from "#operator/config/settings.ts";
import { fuzzRuns, fuzzSeed } from "#test/support/fuzz.ts";
import { DAY_MS } from "./support/admission-port.ts";

const START_MS = Date.UTC(2026, 10, 26);
const NAMES = ["sallyport-webhook.sallyport-system.svc"];

function configuration(...bundles: readonly (string | undefined)[]): WebhookConfiguration {
  const webhooks = bundles.map((caBundle, at) => ({
    name: `w${at}.sallyport.dev`,
    clientConfig: caBundle === undefined ? {} : { caBundle },
  }));
  const [apiVersion, kind] = ["admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration"] as const;
  return { apiVersion, kind, metadata: { name: "sallyport" }, webhooks };
}

const signedBy = (serving: Serving, record: AuthorityRecord): boolean =>
  new X509Certificate(serving.certificate.certificatePem).verify(
    new X509Certificate(record.current.certificatePem).publicKey,
  );

test("an authority lasts two thirds of its life, and its successor remembers it for a day", () => {
  const first = nextRecord(undefined, undefined, START_MS);
  assert.equal(first.previousPem, undefined);
  assert.equal(nextRecord(first, first, START_MS + 0.6 * AUTHORITY_VALID_MS), first);
  const rotatedMs = START_MS + 0.67 * AUTHORITY_VALID_MS;
  const second = nextRecord(first, first, rotatedMs);
  assert.equal(second.previousPem, first.current.certificatePem);
  assert.notEqual(second.current.certificatePem, first.current.certificatePem);
  assert.equal(nextRecord(second, second, rotatedMs + 0.9 * DAY_MS), second);
  assert.deepEqual(nextRecord(second, second, rotatedMs + 1.1 * DAY_MS), { current: second.current });
});

test("a deleted authority is replaced by one that remembers it, as long as it was valid", () => {
  const first = nextRecord(undefined, undefined, START_MS);
  assert.equal(nextRecord(undefined, first, START_MS + DAY_MS).previousPem, first.current.certificatePem);
  assert.equal(nextRecord(undefined, first, START_MS + 2 * AUTHORITY_VALID_MS).previousPem, undefined);
});

test("a record survives its Secret, and what is none is not taken for one", () => {
  const first = nextRecord(undefined, undefined, START_MS);
  const second = nextRecord(undefined, first, START_MS + 1_000);
  for (const record of [first, second]) assert.deepEqual(decodeRecord(encodeRecord(record)), record);
  const [one, other] = [encodeRecord(first), encodeRecord(second)];
  assert.equal(decodeRecord({ ...one, "tls.key": other["tls.key"] ?? "" }), undefined);
  assert.equal(decodeRecord({ ...one, "tls.crt": "AAAA" }), undefined);
  assert.equal(decodeRecord({ ...one, "tls.key": "" }), undefined);
  assert.equal(decodeRecord({}), undefined);
  assert.equal(decodeRecord(undefined), undefined);
  assert.deepEqual(decodeRecord({ ...one, "previous.crt": "AAAA" }), first);
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("tls.crt", "tls.key", "previous.crt"), fc.string()), (data) => {
      assert.equal(decodeRecord(data), undefined);
    }),
    { numRuns: fuzzRuns(100), ...fuzzSeed() },
  );
});

test("a configuration trusts an authority when every one of its webhooks does", () => {
  const first = nextRecord(undefined, undefined, START_MS);
  const second = nextRecord(undefined, first, START_MS + 1_000);
  const both = bundleOf(second);
  assert.ok(trusts(configuration(both, both), first.current.certificatePem));
  assert.ok(trusts(configuration(both, both), second.current.certificatePem));
  assert.ok(!trusts(configuration(both, bundleOf(first)), second.current.certificatePem));
  assert.ok(!trusts(configuration(both, undefined), second.current.certificatePem));
  assert.ok(!trusts(configuration(), second.current.certificatePem));
  const junk = Buffer.from("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----").toString("base64");
  assert.ok(!trusts(configuration(junk), second.current.certificatePem));
});

test("a replica is ready when what it serves with is trusted, and waits only where there was another before", () => {
  const record = nextRecord(undefined, undefined, START_MS);
  const now = { record, configurations: [configuration(undefined)], names: NAMES, nowMs: START_MS };
  const fresh = nextServing(undefined, now);
  assert.match(notServing(fresh, now) ?? "", /do not trust/);
  const filled = { ...now, configurations: [configuration(bundleOf(record))] };
  assert.equal(notServing(nextServing(fresh, filled), filled), undefined);
  assert.match(notServing(fresh, { ...filled, configurations: [] }) ?? "", /do not trust/);

  // A replica that is started in the middle of a rotation has the new authority only.
  const next = nextRecord(undefined, record, START_MS + 1_000);
  const rotating = {
    ...now,
    record: next,
    configurations: [configuration(bundleOf(next))],
    nowMs: START_MS + 2_000,
  };
  const started = nextServing(undefined, rotating);
  assert.match(notServing(started, rotating) ?? "", /may not have seen/);
  const later = { ...rotating, nowMs: rotating.nowMs + SETTLE_MS };
  assert.equal(notServing(nextServing(started, later), later), undefined);
  // What somebody takes away and the leader puts back is no news to API servers.
  const ready = nextServing(started, later);
  const damaged = { ...later, configurations: [configuration(undefined)], nowMs: later.nowMs + 1 };
  const hurt = nextServing(ready, damaged);
  assert.match(notServing(hurt, damaged) ?? "", /do not trust/);
  const restored = { ...later, nowMs: later.nowMs + 2 };
  assert.equal(notServing(nextServing(hurt, restored), restored), undefined);
  // Days after it there is nothing to wait for.
  const muchLater = { ...rotating, nowMs: rotating.nowMs + 0.5 * DAY_MS };
  assert.equal(notServing(nextServing(undefined, muchLater), muchLater), undefined);
});

test("certificates are renewed after two thirds of a week, by the authority that is trusted", () => {
  const record = nextRecord(undefined, undefined, START_MS);
  const now = { record, configurations: [configuration(bundleOf(record))], names: NAMES, nowMs: START_MS };
  const first = nextServing(undefined, now);
  assert.equal(nextServing(first, { ...now, nowMs: START_MS + 4 * DAY_MS }).certificate, first.certificate);
  const renewed = nextServing(first, { ...now, nowMs: START_MS + 5 * DAY_MS });
  assert.notEqual(renewed.certificate, first.certificate);
  assert.ok(signedBy(renewed, record));
});

/** A replica and a leader, looked at and acting at random times, over several rotations. */
test("whatever the order of events, no certificate is served that the configurations do not trust, or have just begun to", () => {
  const events = fc.array(
    fc.record({
      afterMs: fc.integer({ min: 0, max: 20 * DAY_MS }),
      does: fc.constantFrom("look", "lead", "rotate", "delete", "restart", "damage"),
    }),
    { minLength: 1, maxLength: 60 },
  );
  fc.assert(
    fc.property(events, (list) => {
      let nowMs = START_MS;
      let stored: AuthorityRecord | undefined = nextRecord(undefined, undefined, nowMs);
      let bundle: string | undefined;
      /** When each authority was first in the bundle without a break. */
      const trustedSinceMs = new Map<string, number>();
      let known: AuthorityRecord = stored;
      const surroundings = () => ({
        record: known,
        configurations: [configuration(bundle)],
        names: NAMES,
        nowMs,
      });
      let serving = nextServing(undefined, surroundings());
      const fill = (next: string | undefined, pems: readonly string[]): void => {
        bundle = next;
        for (const pem of trustedSinceMs.keys()) if (!pems.includes(pem)) trustedSinceMs.delete(pem);
        for (const pem of pems) if (!trustedSinceMs.has(pem)) trustedSinceMs.set(pem, nowMs);
      };
      for (const { afterMs, does } of list) {
        nowMs += does === "look" ? Math.min(afterMs, 90_000) : afterMs;
        if (does === "delete") stored = undefined;
        if (does === "rotate" && stored !== undefined) stored = nextRecord(undefined, stored, nowMs);
        if (does === "damage") fill(undefined, []);
        stored = nextRecord(stored, known, nowMs);
        known = stored;
        if (does === "lead") {
          const pems = [known.current.certificatePem, known.previousPem].filter((pem) => pem !== undefined);
          fill(bundleOf(known), pems);
        }
        const before = serving;
        serving = nextServing(does === "restart" ? undefined : serving, surroundings());
        const switched = serving.signer !== before.signer && does !== "restart";
        if (switched) {
          const sinceMs = trustedSinceMs.get(serving.signer.certificatePem);
          assert.ok(sinceMs !== undefined, "switched to an authority that is not trusted");
          // Unless the old one is trusted no more: then there is nothing to wait for.
          const isAlone = !trustedSinceMs.has(before.signer.certificatePem);
          assert.ok(isAlone || nowMs - sinceMs >= SETTLE_MS, "switched before API servers could know");
        }
        const isReady = notServing(serving, surroundings()) === undefined;
        if (isReady)
          assert.ok(trustedSinceMs.has(serving.signer.certificatePem), "ready without being trusted");
      }
    }),
    { numRuns: fuzzRuns(60), ...fuzzSeed() },
  );
});
