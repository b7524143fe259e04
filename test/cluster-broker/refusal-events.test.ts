/** What is told on pods of what their gateways refuse, whatever agents do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { WorkerStatus } from "#broker/broker.ts";
import type { RefusedReport } from "#core/port/port.ts";
import { type RefusalTeller, refusalTeller } from "#operator/broker/refusal-events.ts";
import type { Happening } from "#operator/kube/events.ts";

const MINUTE_MS = 60_000;

function stage() {
  const time = { ms: Date.parse("2026-11-26T12:00:00Z") };
  const told: Happening[] = [];
  const teller = refusalTeller({ record: (each) => void told.push(each), nowMs: () => time.ms });
  return { time, told, teller, notes: () => told.map(({ note }) => note) };
}

function worker(refused: readonly RefusedReport[], uid = "uid-1"): WorkerStatus {
  return {
    worker: "gw",
    pod: { namespace: "shop", name: "agent", uid },
    isAttached: true,
    ancestors: undefined,
    isCurrent: true,
    appliedVersion: "",
    report: { worker: "gw", planVersion: "", sessions: [], refused },
  };
}

const unknown = (about: string, atMs: number): RefusedReport => ({
  about,
  code: "DESTINATION_UNKNOWN",
  count: 1,
  atMs,
});

test("says once where to, why and what to ask, and again when it was refused again", () => {
  const { time, told, teller, notes } = stage();
  const first = unknown("db.other:5432", time.ms);
  teller.look([worker([first])]);
  teller.look([worker([first])]);
  assert.deepEqual(notes(), [
    "db.other:5432: no connection that this pod may use is reached there (DESTINATION_UNKNOWN). Ask: kubectl sallyport diagnose -n shop agent",
  ]);
  assert.deepEqual(told[0]?.regarding, {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { uid: "uid-1", namespace: "shop", name: "agent" },
  });
  time.ms += 2_000;
  teller.look([worker([{ ...first, count: 2, atMs: time.ms }])]);
  assert.equal(told.length, 2);
  assert.equal(notes()[0], notes()[1], "so that it is counted in the first");
});

test("does not tell of what a rule refuses, nor of what was told by the replica before", () => {
  const { time, told, teller } = stage();
  teller.look([worker([{ about: "connection shop/db", code: "DENY_RULE", count: 9, atMs: time.ms }])]);
  teller.look([worker([unknown("db.old:5432", time.ms - 2 * MINUTE_MS)])]);
  assert.deepEqual(told, []);
});

test("a pod that thinks up destinations has a handful of events, and the words in them are harmless", () => {
  const { time, teller, notes } = stage();
  for (let at = 0; at < 500; at += 1) {
    time.ms += 1_000;
    teller.look([worker([unknown(`\u001b[2J${at}\n.evil:1`, time.ms)])]);
  }
  assert.equal(new Set(notes()).size, 6);
  assert.ok(notes().every((note) => /^[\x20-\x7e]+$/.test(note)));
  assert.match(notes()[0] ?? "", /^\?\[2J0\?\.evil:1: /);
});

test("all pods together have what an API server can bear, and what is left out is counted", () => {
  const { time, told, teller } = stage();
  const storm = (teller: RefusalTeller): void =>
    teller.look(
      Array.from({ length: 5_000 }, (_, at) => worker([unknown("db.other:5432", time.ms)], `uid-${at}`)),
    );
  storm(teller);
  assert.equal(told.length, 100);
  assert.equal(teller.untold, 4_900);
  time.ms += 2_000;
  storm(teller);
  assert.equal(told.length, 110);
});
