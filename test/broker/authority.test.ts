/** The broker's authority over the years: what is published is never behind what is served. */
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { test } from "node:test";
import { openAuthority } from "#broker/authority/authority.ts";
import {
  AUTHORITY_VALID_MS,
  type AuthorityRecord,
  bundleOf,
  nextRecord,
  signerOf,
  usedUp,
} from "#broker/authority/record.ts";
import type { AuthorityStore } from "#broker/authority/store.ts";
import { storeInMemory } from "#test/port/tls.ts";

const HOUR_MS = 60 * 60_000;
const DAY_MS = 24 * HOUR_MS;
const NOW = Date.UTC(2027, 0, 1);
const never = new AbortController().signal;
const note = (): void => undefined;

test("an authority gives way to the next one, which is trusted for a day before it signs and outlives it by a day", () => {
  const first = nextRecord(undefined, NOW);
  assert.equal(first.length, 1);
  assert.equal(signerOf(first, NOW), first[0], "the first one signs at once: nobody trusts another");
  assert.equal(nextRecord(first, NOW + AUTHORITY_VALID_MS / 2), first);
  const dueMs = usedUp(first[0].certificatePem);
  const both = nextRecord(first, dueMs);
  assert.equal(both.length, 2);
  assert.equal(both[0], first[0]);
  assert.equal(signerOf(both, dueMs + HOUR_MS), first[0]);
  assert.equal(signerOf(both, dueMs + DAY_MS), both[1]);
  assert.equal(
    nextRecord(both, dueMs + 1.9 * DAY_MS),
    both,
    "those who were signed by the old one are still served",
  );
  assert.deepEqual(nextRecord(both, dueMs + 2 * DAY_MS), [both[1]]);
});

test("whoever trusts what was published a day ago trusts every replica, at every hour of a change", () => {
  let record: AuthorityRecord = nextRecord(undefined, NOW);
  const published = new Map<number, string>();
  const dueMs = usedUp(record[0].certificatePem);
  for (let hour = -30; hour < 80; hour += 1) {
    const nowMs = dueMs + hour * HOUR_MS;
    record = nextRecord(record, nowMs);
    published.set(hour, bundleOf(record));
    const earlier = published.get(hour - 24);
    // A replica looks once a minute, so it may be as far behind as that; an hour is more.
    const served = signerOf(record, nowMs - HOUR_MS).certificatePem;
    if (earlier !== undefined) assert.ok(earlier.includes(served), `hour ${hour}`);
  }
  assert.equal(record.length, 1);
});

test("two replicas that begin at once have one authority, and take over what the other has made later", async () => {
  const store = storeInMemory();
  const time = { nowMs: NOW };
  const options = { store, names: ["broker.example"], now: () => time.nowMs, note, signal: never };
  const [left, right] = await Promise.all([openAuthority(options), openAuthority(options)]);
  assert.equal(left.bundlePem, right.bundlePem);
  let changes = 0;
  const stop = right.onChange(() => {
    changes += 1;
  });
  time.nowMs = usedUp(new X509Certificate(left.bundlePem).toString());
  await left.look();
  await right.look();
  assert.equal(left.bundlePem, right.bundlePem);
  assert.equal(left.bundlePem.match(/BEGIN/g)?.length, 2);
  assert.equal(changes, 1);
  const before = right.certificate;
  time.nowMs += DAY_MS;
  await right.look();
  assert.notEqual(right.certificate, before, "its own certificate is by the new one now");
  stop();
  time.nowMs += DAY_MS;
  await right.look();
  assert.equal(changes, 2, "whoever has stopped listening is told nothing");
});

test("a certificate is replaced before it ends; a store that is away changes nothing", async () => {
  const inner = storeInMemory();
  let isAway = false;
  const store: AuthorityStore = {
    load: async (signal) => {
      if (isAway) throw new Error("away");
      return inner.load(signal);
    },
    store: inner.store,
  };
  const time = { nowMs: NOW };
  const authority = await openAuthority({ store, names: ["b"], now: () => time.nowMs, note, signal: never });
  const { certificate, bundlePem } = authority;
  await authority.look();
  assert.equal(authority.certificate, certificate);
  time.nowMs = usedUp(certificate.certificatePem);
  isAway = true;
  await assert.rejects(authority.look(), /away/);
  assert.equal(authority.certificate, certificate);
  isAway = false;
  await authority.look();
  assert.notEqual(authority.certificate, certificate);
  assert.equal(authority.bundlePem, bundlePem);
});

test("a store that others write to each time is given up with an error, not asked for ever", async () => {
  let asked = 0;
  const store: AuthorityStore = {
    load: async () => undefined,
    store: async () => {
      asked += 1;
      return false;
    },
  };
  await assert.rejects(
    openAuthority({ store, names: ["b"], now: () => NOW, note, signal: never }),
    /changed by others/,
  );
  assert.equal(asked, 5);
});
