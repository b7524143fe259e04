/** What replicas of the broker report, summed up: nobody is taken to apply what he has not said that he does. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  encodeReport,
  decodeReport,
  REPORT_OVER_MS,
  REPORT_STALE_MS,
  type Report,
} from "#operator/broker/report.ts";
import type { Lease } from "#operator/kube/resource.ts";
import { openStore } from "#operator/kube/store.ts";
import { watchReports } from "#operator/reconcile/reports.ts";

const POLICY = "policy-uid";
const CONNECTION = "connection-uid";
const NOTHING: Report = {
  policies: new Map(),
  credentials: new Map(),
  keys: new Map(),
  leftOut: new Map(),
};

function world() {
  let nowMs = 0;
  let version = 0;
  const leases = openStore<Lease>({ name: "reports", onError: (error) => assert.fail(String(error)) });
  const reports = watchReports(leases, { monotonicMs: () => nowMs });
  return {
    reports,
    later: (ms: number) => {
      nowMs += ms;
    },
    gone: (name: string) => leases.remove(`system/${name}`),
    say(name: string, report: Partial<Report>) {
      version += 1;
      const annotations = encodeReport({ ...NOTHING, ...report });
      const metadata = {
        name,
        namespace: "system",
        uid: name,
        resourceVersion: String(version),
        annotations,
      };
      leases.set({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata });
    },
  };
}

const applies = (generation: number, applied: number, concerned: number): Partial<Report> => ({
  policies: new Map([[POLICY, { generation, applied, concerned }]]),
});

test("gateways of all replicas are counted, and a replica that is behind applies nothing", () => {
  const { reports, say } = world();
  const sum = (generation: number) => reports.enforcementOf(POLICY, generation);
  assert.deepEqual(sum(1), { applied: 0, concerned: 0, replicas: 0, behind: 0 });
  say("a", applies(1, 98, 100));
  say("b", applies(1, 100, 100));
  assert.deepEqual(sum(1), { applied: 198, concerned: 200, replicas: 2, behind: 0 });
  say("a", applies(2, 100, 100));
  assert.deepEqual(sum(2), { applied: 100, concerned: 200, replicas: 2, behind: 1 });
  say("b", {});
  assert.deepEqual(sum(2), { applied: 100, concerned: 100, replicas: 2, behind: 1 });
});

test("a report that is out of date applies nothing, and is forgotten in the end", () => {
  const { reports, say, later, gone } = world();
  say("a", applies(1, 5, 5));
  say("b", applies(1, 5, 5));
  later(REPORT_STALE_MS - 1);
  say("a", applies(1, 5, 5));
  assert.equal(reports.enforcementOf(POLICY, 1).behind, 0);
  later(1);
  assert.deepEqual(reports.enforcementOf(POLICY, 1), { applied: 5, concerned: 10, replicas: 2, behind: 1 });
  later(REPORT_OVER_MS - REPORT_STALE_MS);
  say("a", applies(1, 5, 5));
  assert.deepEqual(reports.enforcementOf(POLICY, 1), { applied: 5, concerned: 5, replicas: 1, behind: 0 });
  gone("a");
  assert.equal(reports.enforcementOf(POLICY, 1).replicas, 0);
});

test("of a credential the worst counts, of this version of the Connection alone", () => {
  const { reports, say } = world();
  const found = (generation: number, finding: "available" | "missing") => ({
    credentials: new Map([[CONNECTION, { generation, finding }]]),
  });
  assert.equal(reports.credentialOf(CONNECTION, 1), undefined);
  say("a", found(1, "available"));
  assert.equal(reports.credentialOf(CONNECTION, 1), "available");
  assert.equal(reports.credentialOf(CONNECTION, 2), undefined);
  say("b", found(1, "missing"));
  assert.equal(reports.credentialOf(CONNECTION, 1), "missing");
});

test("of an issuer's keys the worst counts, and of what there is no room for the most", () => {
  const { reports, say, later } = world();
  const keys = (finding: "available" | "kept" | "unavailable"): Partial<Report> => ({
    keys: new Map([["provider", { generation: 2, finding }]]),
  });
  const leftOut = (classes: number): Partial<Report> => ({
    leftOut: new Map([[CONNECTION, { generation: 3, classes }]]),
  });
  assert.equal(reports.keysOf("provider", 2), undefined);
  say("a", { ...keys("available"), ...leftOut(2) });
  say("b", { ...keys("kept"), ...leftOut(5) });
  assert.equal(reports.keysOf("provider", 2), "kept");
  assert.equal(reports.keysOf("provider", 1), undefined);
  assert.equal(reports.leftOutOf(CONNECTION, 3), 5);
  assert.equal(reports.leftOutOf(CONNECTION, 2), 0);
  say("a", keys("unavailable"));
  assert.equal(reports.keysOf("provider", 2), "unavailable");
  later(REPORT_STALE_MS);
  assert.equal(reports.keysOf("provider", 2), undefined);
  assert.equal(reports.leftOutOf(CONNECTION, 3), 0);
});

test("what is not as we write it is not known, and no report grows beyond an object's annotations", () => {
  const annotations = {
    "sallyport.dev/policies": '[["u",1,"all",2],[],7]',
    "sallyport.dev/credentials": "{",
    "sallyport.dev/keys": '[["u",1,"perhaps"]]',
    "sallyport.dev/left-out": '[["u",-1,2]]',
  };
  const lease = { apiVersion: "v1", kind: "Lease", metadata: { name: "a", annotations } };
  assert.deepEqual(decodeReport(lease), NOTHING);
  const many = Array.from({ length: 5_000 }, (_, index) => {
    const uid = `${index}`.padStart(36, "0");
    return [
      uid,
      {
        generation: 1_000,
        applied: 2_000,
        concerned: 2_000,
        classes: 2_000,
        finding: "not-permitted" as const,
      },
    ] as const;
  });
  const credentials = new Map(many);
  const keys = new Map(many.map(([uid, each]) => [uid, { ...each, finding: "unavailable" as const }]));
  const all = { policies: credentials, credentials, keys, leftOut: credentials };
  const bytes = Buffer.byteLength(JSON.stringify(encodeReport(all)));
  assert.ok(bytes < 256 * 1024, `${bytes} bytes`);
});
