import assert from "node:assert/strict";
import { test } from "node:test";
import { limiter } from "#broker/limiter.ts";
import { type Kube, openKube } from "#operator/kube/client.ts";
import { isAlreadyThere, isConflict, isGone, isNotFound, KubeError } from "#operator/kube/error.ts";
import {
  CONFIG_MAPS,
  NAMESPACES,
  PODS,
  SECRETS,
  SERVICE_ACCOUNTS,
  SUBJECT_ACCESS_REVIEWS,
} from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";

export const soon = (): { signal: AbortSignal } => ({ signal: AbortSignal.timeout(20_000) });

async function errorOf(call: Promise<unknown>): Promise<KubeError> {
  const error = await call.then(
    () => assert.fail("it succeeded"),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof KubeError, String(error));
  return error;
}

export function clientTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  test("objects are made, read, replaced and deleted; what is not there is an answer, not an error", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const key = `${namespace}/fruit`;
    const metadata = { namespace, name: "fruit" };
    assert.equal(await kube.get(CONFIG_MAPS, key, soon()), undefined);
    const made = await kube.create(CONFIG_MAPS, { metadata, data: { apple: "red" } }, soon());
    assert.equal(made.kind, "ConfigMap");
    assert.ok(isAlreadyThere(await errorOf(kube.create(CONFIG_MAPS, { metadata }, soon()))));
    const replaced = await kube.update(CONFIG_MAPS, { ...made, data: { apple: "green" } }, soon());
    assert.deepEqual((await kube.get(CONFIG_MAPS, key, soon()))?.data, { apple: "green" });
    assert.ok(isConflict(await errorOf(kube.update(CONFIG_MAPS, { ...made, data: {} }, soon()))));
    const { resourceVersion = "" } = made.metadata;
    assert.ok(isConflict(await errorOf(kube.delete(CONFIG_MAPS, key, { ...soon(), resourceVersion }))));
    const { uid = "" } = replaced.metadata;
    assert.equal(await kube.delete(CONFIG_MAPS, key, { ...soon(), uid }), true);
    assert.equal(await kube.delete(CONFIG_MAPS, key, soon()), false);
  });

  test("a kind that is not served is an error, since it is not the same as an object that is not there", async () => {
    const { kube } = given();
    const unknown = { ...NAMESPACES, group: "not.served" };
    assert.ok(isNotFound(await errorOf(kube.get(unknown, "default", soon()))));
  });

  test("a name is never a way elsewhere, and a key has to fit its kind", async () => {
    const { kube } = given();
    await assert.rejects(kube.get(SECRETS, "a/../../../secrets", soon()), RangeError);
    await assert.rejects(kube.get(CONFIG_MAPS, "default/..", soon()), RangeError);
    await assert.rejects(kube.get(CONFIG_MAPS, "default/", soon()), RangeError);
    await assert.rejects(kube.get(CONFIG_MAPS, "fruit", soon()), RangeError);
    await assert.rejects(kube.get(NAMESPACES, "default/default", soon()), RangeError);
  });

  test("answers that come at once and whole, while this process is busy with something else, are read all the same", async () => {
    const { kube } = given();
    const resourceAttributes = { verb: "get", resource: "pods", namespace: "default" };
    const review = { spec: { user: "somebody", resourceAttributes } };
    const busy = setInterval(() => {
      const untilMs = performance.now() + 15;
      while (performance.now() < untilMs);
    }, 7);
    // As each question ends the next one begins, in the midst of the others' answers.
    const line = limiter(32);
    const ask = (): Promise<unknown> =>
      line.run(() => kube.post({ resource: SUBJECT_ACCESS_REVIEWS }, review, soon()), soon().signal);
    try {
      for (let round = 0; round < 4; round += 1) await Promise.all(Array.from({ length: 70 }, ask));
    } finally {
      clearInterval(busy);
    }
  });

  test("server-side apply owns its fields: it takes back what it leaves out, and others' only by force", async () => {
    const { api, kube } = given();
    using other = openKube(api.config, { fieldManager: "somebody-else" });
    const metadata = { namespace: await api.namespace(), name: "fruit" };
    await kube.apply(CONFIG_MAPS, { metadata, data: { apple: "red", pear: "yellow" } }, soon());
    await other.apply(CONFIG_MAPS, { metadata, data: { plum: "blue" } }, soon());
    const { data } = await kube.apply(CONFIG_MAPS, { metadata, data: { apple: "red" } }, soon());
    assert.deepEqual(data, { apple: "red", plum: "blue" });
    const theirs = { metadata, data: { apple: "green" } };
    assert.ok(isConflict(await errorOf(other.apply(CONFIG_MAPS, theirs, soon()))));
    const forced = await other.apply(CONFIG_MAPS, theirs, { ...soon(), force: true });
    assert.equal(forced.data?.["apple"], "green");
  });

  test("status is applied beside the rest", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const condition = {
      type: "sallyport.dev/Injectable",
      status: "False",
      reason: "PodSecurity",
      message: "the level is restricted",
      lastTransitionTime: "2026-11-26T00:00:00Z",
    };
    const after = await kube.applyStatus(NAMESPACES, namespace, { conditions: [condition] }, soon());
    assert.deepEqual(after.status?.conditions, [condition]);
    assert.ok(after.spec?.finalizers !== undefined, "the rest was replaced");
  });

  test("a JSON patch is done only where its tests hold", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace({ colour: "red" });
    const value = "blue";
    const path = "/metadata/labels/colour";
    const patched = await kube.patch(
      NAMESPACES,
      namespace,
      [
        { op: "test", path, value: "red" },
        { op: "replace", path, value },
      ],
      soon(),
    );
    assert.equal(patched.metadata.labels?.["colour"], value);
    const { status } = await errorOf(
      kube.patch(NAMESPACES, namespace, [{ op: "test", path, value: "red" }], soon()),
    );
    assert.equal(status, 422);
  });

  test("a field that the API server does not know is refused, and a dry run stores nothing", async () => {
    const { api, kube } = given();
    const metadata = { namespace: await api.namespace(), name: "fruit" };
    const typo: object = { metadata, dtaa: { apple: "red" } };
    const { reason, message } = await errorOf(
      kube.create(CONFIG_MAPS, typo as { metadata: typeof metadata }, soon()),
    );
    assert.equal(reason, "BadRequest");
    assert.match(message, /unknown field "dtaa"/);
    await kube.create(CONFIG_MAPS, { metadata }, { ...soon(), dryRun: true });
    assert.equal(await kube.get(CONFIG_MAPS, `${metadata.namespace}/fruit`, soon()), undefined);
  });

  test("a list is read page by page, whole, and by selector", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const names = Array.from({ length: 520 }, (_, index) => `map-${String(index).padStart(3, "0")}`);
    for (let from = 0; from < names.length; from += 40)
      await Promise.all(
        names
          .slice(from, from + 40)
          .map((name, index) =>
            kube.create(
              CONFIG_MAPS,
              { metadata: { namespace, name, labels: { parity: index % 2 === 0 ? "even" : "odd" } } },
              soon(),
            ),
          ),
      );
    const sizes: number[] = [];
    for await (const { items } of kube.pages(CONFIG_MAPS, { ...soon(), namespace })) sizes.push(items.length);
    assert.deepEqual(sizes, [500, 20]);
    const { items } = await kube.list(CONFIG_MAPS, { ...soon(), namespace, labelSelector: "parity=odd" });
    assert.equal(items.length, 260);
    assert.deepEqual([items[0]?.apiVersion, items[0]?.kind], ["v1", "ConfigMap"]);
    const [one] = (
      await kube.list(CONFIG_MAPS, { ...soon(), namespace, fieldSelector: "metadata.name=map-007" })
    ).items;
    assert.equal(one?.metadata.name, "map-007");
  });

  test("who may not is told so, and the same is done for who may", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    using nobody = openKube(api.as("nobody"));
    const { status, reason, message } = await errorOf(nobody.list(SECRETS, { ...soon(), namespace }));
    assert.deepEqual([status, reason], [403, "Forbidden"]);
    assert.match(message, /User "nobody" cannot list resource "secrets"/);
    assert.deepEqual((await kube.list(SECRETS, { ...soon(), namespace })).items, []);
  });

  test("reviews and token requests are answered", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const token = await kube.post<{ status: { token: string } }>(
      { resource: SERVICE_ACCOUNTS, key: `${namespace}/default`, subresource: "token" },
      {
        apiVersion: "authentication.k8s.io/v1",
        kind: "TokenRequest",
        spec: { audiences: ["sallyport.dev/test"], expirationSeconds: 600 },
      },
      soon(),
    );
    const reviews = {
      group: "authentication.k8s.io",
      version: "v1",
      plural: "tokenreviews",
      kind: "TokenReview",
      namespaced: false,
    };
    const review = await kube.post<{ status: { authenticated?: boolean; user?: { username: string } } }>(
      { resource: reviews },
      { spec: { token: token.status.token, audiences: ["sallyport.dev/test"] } },
      soon(),
    );
    assert.equal(review.status.authenticated, true);
    assert.equal(review.status.user?.username, `system:serviceaccount:${namespace}:default`);
  });

  test("whoever waits can give up, and nobody waits for ever", async () => {
    const { kube } = given();
    const stop = new AbortController();
    const listing = kube.list(PODS, { signal: stop.signal });
    stop.abort(new Error("not interested any more"));
    await assert.rejects(listing, /not interested any more/);
    const { status, reason, message } = await errorOf(kube.list(PODS, { ...soon(), deadlineMs: 0 }));
    assert.deepEqual([status, reason], [0, "DeadlineExceeded"]);
    assert.match(message, /GET \/api\/v1\/pods within 0 ms/);
  });

  test("a watch from a version of the future hears nothing, no bookmark and no refusal: silence has to be enough to begin anew", async () => {
    const { api, kube } = given();
    const namespace = await api.namespace();
    const future = {
      ...soon(),
      namespace,
      resourceVersion: "99999999",
      timeoutSeconds: 2,
      quietMsMax: 5_000,
    };
    const heard: unknown[] = [];
    for await (const batch of kube.watch(CONFIG_MAPS, future)) {
      heard.push(...batch);
      await kube.apply(CONFIG_MAPS, { metadata: { namespace, name: "fruit" } }, soon());
    }
    assert.deepEqual(heard, []);
    assert.ok((await kube.get(CONFIG_MAPS, `${namespace}/fruit`, soon())) !== undefined);
  });

  test("a watch from a version that is forgotten is told so", async () => {
    const { kube } = given();
    const watching = kube.watch(NAMESPACES, {
      ...soon(),
      resourceVersion: "1",
      timeoutSeconds: 5,
      quietMsMax: 5_000,
    });
    const error = await errorOf(watching.next().then(() => watching.next()));
    assert.ok(isGone(error), `${error.code} ${error.message}`);
  });
}
