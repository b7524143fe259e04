/** What `kubectl sallyport diagnose` makes of what it sees: each trouble by itself, beside a pod with which nothing is wrong. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Diagnosis, PodGateway } from "#broker/api/people/diagnosis.ts";
import { type Finding, judge } from "#cli/cluster/diagnosing/judge.ts";
import { nextOf } from "#cli/cluster/diagnosing/next.ts";
import { renderDiagnosis } from "#cli/cluster/diagnosing/render.ts";
import type { Seen } from "#cli/cluster/diagnosing/seen.ts";
import { summedUp } from "#cli/cluster/brokers.ts";
import { painter } from "#cli/frame/paint.ts";
import { refusal } from "#core/values/refusal.ts";
import type { OwnKind, Pod } from "#operator/kube/resource.ts";

const PATIENT = { namespace: "shop", pod: "agent", account: "default" };
const startedAt = "2026-11-26T12:00:00Z";

type Statuses = NonNullable<NonNullable<Pod["status"]>["initContainerStatuses"]>;
const container = (name: string, state: Statuses[number]["state"], ready = true): Statuses[number] => ({
  name,
  image: "",
  imageID: "",
  ready,
  restartCount: 0,
  ...(state === undefined ? {} : { state }),
});
const ended = (exitCode: number) => ({ terminated: { exitCode, startedAt, finishedAt: startedAt } });
const INIT = container("gw-init", ended(0));
const GATEWAY = container("gw", { running: { startedAt } });

const podWith = (initContainerStatuses: Statuses, names = ["gw-init", "gw"]): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name: "agent", namespace: "shop", uid: "uid-1" },
  spec: { initContainers: names.map((name) => ({ name })), containers: [] },
  status: { initContainerStatuses },
});

const gateway: PodGateway = {
  uid: "uid-1",
  isAttached: true,
  isApplied: true,
  sessions: 1,
  refused: [],
  reaches: [{ namespace: "shop", name: "orders", at: ["orders.shop:5432"] }],
};
const examined = { uid: "uid-1", findings: [] };

const told = (diagnosis: Diagnosis, silent: readonly { replica: string; problem: string }[] = []) =>
  ({
    ok: true,
    value: { answers: [{ replica: "sallyport-broker-0", value: diagnosis }], silent },
  }) as const;

const labelled = (labels: Readonly<Record<string, string>>) =>
  ({ ok: true, value: { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels } } }) as const;

const WELL: Seen = {
  pod: podWith([INIT, GATEWAY]),
  namespace: labelled({ "sallyport.dev/enforce": "" }),
  kinds: { ok: true, value: [] },
  webhooks: { ok: true, value: [{ kind: "MutatingWebhookConfiguration", isCallable: true }] },
  brokers: told({ examined, gateways: [gateway] }),
};

const troubles = (seen: Partial<Seen>): readonly Finding[] =>
  judge({ ...WELL, ...seen }).findings.filter(({ state }) => state !== "ok");

const connection = (reason: string): OwnKind => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Connection",
  metadata: { name: "orders", namespace: "shop" },
  status: {
    conditions: ["Ready", "CredentialAvailable"].map((type) => ({
      type,
      status: "False",
      reason,
      message: "no Secret orders-db",
      lastTransitionTime: startedAt,
      observedGeneration: 1,
    })),
  },
});

const CASES: Readonly<
  Record<string, { readonly seen: Partial<Seen>; readonly says: RegExp; readonly next?: RegExp }>
> = {
  "the namespace bears no label": {
    seen: { namespace: labelled({}) },
    says: /^wrong namespace: shop does not bear/,
    next: /^kubectl label namespace shop sallyport\.dev\/enforce=$/,
  },
  "the namespace may not be seen": {
    seen: { namespace: { ok: false, message: "forbidden" } },
    says: /^unknown namespace: forbidden$/,
  },
  "a webhook configuration was deleted": {
    seen: {
      webhooks: { ok: true, value: [{ kind: "MutatingWebhookConfiguration", isCallable: undefined }] },
    },
    says: /^wrong admission: there is no MutatingWebhookConfiguration/,
    next: /operator/,
  },
  "a webhook configuration was emptied": {
    seen: { webhooks: { ok: true, value: [{ kind: "ValidatingWebhookConfiguration", isCallable: false }] } },
    says: /names no authority/,
    next: /operator/,
  },
  "the pod is older than the label": {
    seen: { pod: podWith([], []) },
    says: /^wrong gateway: the pod has no gateway/,
    next: /delete pod agent$/,
  },
  "the rules could not be put in place": {
    seen: { pod: podWith([container("gw-init", ended(1), false)]) },
    says: /^wrong gateway: gw-init ended with 1/,
    next: /logs agent -c gw-init$/,
  },
  "the image cannot be pulled": {
    seen: { pod: podWith([container("gw-init", { waiting: { reason: "ImagePullBackOff" } }, false)]) },
    says: /^wrong gateway: gw-init waits: ImagePullBackOff$/,
    next: /describe pod agent$/,
  },
  "the gateway is not ready": {
    seen: { pod: podWith([INIT, container("gw", { running: { startedAt } }, false)]) },
    says: /^wrong gateway: it runs and is not ready$/,
    next: /logs agent -c gw$/,
  },
  "the gateway does not run yet": {
    seen: { pod: podWith([]) },
    says: /^wrong gateway: it does not run yet$/,
  },
  "the pod is not as it was admitted": {
    seen: {
      brokers: told({
        examined: {
          uid: "uid-1",
          findings: [{ field: "spec.hostPID", rule: "host", message: "shares it", fix: "Remove hostPID." }],
        },
        gateways: [gateway],
      }),
    },
    says: /^wrong trust: spec\.hostPID: shares it$/,
    next: /^Remove hostPID\.$/,
  },
  "it cannot be told whose the pod is": {
    seen: {
      brokers: told({
        examined: { ...examined, lineage: refusal("POD_UNCHECKED") },
        gateways: [gateway],
      }),
    },
    says: /^wrong trust: .*\(POD_UNCHECKED\)$/,
  },
  "its gateway is connected nowhere": {
    seen: { brokers: told({ examined, gateways: [{ ...gateway, isAttached: false }] }) },
    says: /^wrong broker: its gateway is connected to none$/,
    next: /logs agent -c gw$/,
  },
  "a pod of that name before it was connected": {
    seen: { brokers: told({ examined, gateways: [{ ...gateway, uid: "uid-0" }] }) },
    says: /connected to none$/,
    next: /logs/,
  },
  "it may be connected to a replica that is silent": {
    seen: { brokers: told({ examined, gateways: [] }, [{ replica: "sallyport-broker-1", problem: "away" }]) },
    says: /^unknown broker: .*sallyport-broker-1 \(away\)$/,
  },
  "the brokers cannot be asked": {
    seen: { brokers: { ok: false, message: "no way" } },
    says: /^unknown broker: no way$/,
  },
  "the newest policy is not in force": {
    seen: { brokers: told({ examined, gateways: [{ ...gateway, isApplied: false }] }) },
    says: /^wrong broker: .* has not put the newest policy in force$/,
    next: /again/,
  },
  "no policy selects it": {
    seen: { brokers: told({ examined, gateways: [{ ...gateway, reaches: [] }] }) },
    says: /^wrong policy: no policy gives this pod any Connection$/,
    next: /SecretAccessPolicy in shop/,
  },
  "a Connection has no credential": {
    seen: { kinds: { ok: true, value: [connection("SecretMissing")] } },
    says: /^wrong Connection: orders: CredentialAvailable is False \(SecretMissing\): no Secret orders-db$/,
    next: /^Make the Secret, .* kubectl -n shop describe connection orders$/,
  },
};

describe("diagnose", () => {
  test("finds nothing wrong with a pod with which nothing is", () => {
    assert.deepEqual(troubles({}), []);
    const said = renderDiagnosis(judge(WELL), PATIENT, painter(false));
    assert.match(said, /^pod shop\/agent\n/);
    assert.match(said, /\nmay reach\n {2}shop\/orders {2}orders\.shop:5432\n/);
    assert.match(said, /\nnothing wrong was found\n$/);
  });
  for (const [what, { seen, says, next }] of Object.entries(CASES))
    test(`tells when ${what}`, () => {
      const [first, ...more] = troubles(seen);
      assert.deepEqual(more, []);
      assert.match(`${first?.state} ${first?.about}: ${first?.text}`, says);
      if (next === undefined) assert.equal(first?.next, undefined);
      else assert.match(first?.next ?? "", next);
    });
  test("tells what was refused, in words that cannot move the cursor, and what to do", () => {
    const refused = [
      { about: "\u001b[2Jdb:1", code: "DESTINATION_UNKNOWN", count: 1, atMs: Date.parse(startedAt) } as const,
      {
        about: "connection shop/orders",
        code: "DENY_NO_POLICY",
        count: 7,
        atMs: Date.parse(startedAt),
      } as const,
    ];
    const seen = { ...WELL, brokers: told({ examined, gateways: [{ ...gateway, refused }] }) };
    const said = renderDiagnosis(judge(seen), PATIENT, painter(false));
    assert.ok(!said.includes("\u001b"));
    assert.match(said, /\n {2}\\u\{1b\}\[2Jdb:1 {2}once at 2026-11-26T12:00:00Z\n/);
    assert.match(said, /\n {2}connection shop\/orders {2}7 times, last at 2026-11-26T12:00:00Z\n/);
    assert.equal(
      nextOf("DENY_NO_POLICY", { ...PATIENT, about: "connection shop/orders" }),
      "kubectl sallyport explain --statement '…' --subject serviceaccount:shop/default --connection shop/orders",
    );
  });
});

test("an answer of one replica is an answer, and a right that is lacking is lacking whoever is silent", () => {
  const silent = { replica: "b", status: 0, body: { problem: "away" } };
  assert.deepEqual(summedUp([{ replica: "a", status: 200, body: 1 }, silent]), {
    ok: true,
    value: { answers: [{ replica: "a", value: 1 }], silent: [{ replica: "b", problem: "away" }] },
  });
  const right = { verb: "list", resource: "sessions", namespace: "shop" };
  const lacking = summedUp([
    silent,
    { replica: "a", status: 403, body: { problem: "", right, person: "ann" } },
  ]);
  assert.match(
    lacking.ok ? "" : lacking.message,
    /^ann may not list sessions\.sallyport\.dev in namespace shop/,
  );
  const none = summedUp([silent]);
  assert.equal(none.ok ? "" : none.message, "no broker answers\n  b: away");
  assert.deepEqual(summedUp([]), { ok: false, message: "no broker answers: there are none" });
});
