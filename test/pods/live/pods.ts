/** What a real API server makes of the pods that we make. It has no webhooks: we are asked, and it is told, by the test. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import type { V1Pod } from "@kubernetes/client-node";
import { check } from "#operator/admission/pod/check.ts";
import { injectEphemeral } from "#operator/admission/pod/ephemeral.ts";
import { POD_FIELDS, type Shape as Fields } from "#operator/admission/pod/fields.ts";
import { inject } from "#operator/admission/pod/inject.ts";
import { jsonPatch } from "#operator/admission/pod/json-patch.ts";
import { checkUpdate } from "#operator/admission/pod/update.ts";
import type { Kube } from "#operator/kube/client.ts";
import { type KubeObject, PODS, type Pod } from "#operator/kube/resource.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { applyPatch } from "../apply-patch.ts";
import { NAMESPACES, type Shape, shapeFiles } from "../shapes.ts";
import { exampleOf, FACTS, GATEWAY_UID, injected, SETTINGS } from "../surroundings.ts";

const shapes = shapeFiles().flatMap((file) => file.shapes);
const signal = AbortSignal.timeout(300_000);

/** As they are on the wire: the client's types call some things otherwise, the JSON is the same. */
const asPod = (pod: Pod | KubeObject): V1Pod => pod as unknown as V1Pod;
const asObject = (pod: unknown): Pod => pod as Pod;

export function podTests(given: () => { readonly api: ApiTier; readonly kube: Kube }): void {
  before(async () => {
    const applied = await given().api.kubectl(["apply", "--server-side", "--filename", "-"], {
      stdin: JSON.stringify({ apiVersion: "v1", kind: "List", items: surroundings() }),
    });
    assert.equal(applied.code, 0, applied.stderr);
    await create(exampleOf("metadata: { name: scratch }").pod, false);
  });

  const create = async (pod: unknown, dryRun: boolean): Promise<V1Pod> =>
    asPod(await given().kube.create(PODS, asObject(pod), { signal, dryRun }));

  /** The pod as a webhook would be asked about it when kubectl debugs it. What kubectl writes it has from a pod of no use otherwise. */
  async function debugged(profile: string, pod: Pod): Promise<V1Pod> {
    const words = [
      "debug",
      "scratch",
      "--namespace=shop",
      "--image=busybox:1.37",
      "--target=app",
      "--attach=false",
    ];
    const { code, stderr } = await given().api.kubectl([...words, `--profile=${profile}`, "--", "true"]);
    assert.equal(code, 0, stderr);
    const scratch = await given().kube.get(PODS, "shop/scratch", { signal });
    const added = scratch?.spec?.ephemeralContainers?.at(-1);
    assert.ok(added);
    return asPod({ ...pod, spec: { ...pod.spec, ephemeralContainers: [added] } } as unknown as Pod);
  }

  test("pods from the wild are pods to it, and so are those that we make of them, which it gives back trusted", async (t) => {
    const outcomes = { injected: 0, refused: 0 };
    for (const { name, pod, facts } of shapes) {
      // What a webhook would be shown: defaults filled in, and the token's volume put in by the server.
      const seen = await create(pod, true);
      const asWritten = inject(pod, facts, SETTINGS, GATEWAY_UID);
      const result = inject(seen, facts, SETTINGS, GATEWAY_UID);
      assert.equal(result.outcome, asWritten.outcome, name);
      outcomes[result.outcome]++;
      if (result.outcome === "refused") continue;
      const stored = await create(withoutServersOwn(applyPatch(seen, jsonPatch(seen, result.pod))), true);
      assert.deepEqual(check(stored, facts, SETTINGS), [], name);
      assert.deepEqual(
        stored.spec?.initContainers?.slice(0, 2),
        result.pod.spec?.initContainers?.slice(0, 2),
        name,
      );
      // And asked again about what it stored, we would change nothing.
      assert.deepEqual(inject(stored, facts, SETTINGS, 30_000), { outcome: "injected", pod: stored }, name);
    }
    t.diagnostic(`figure pods.shapes-injected=${outcomes.injected}`);
    t.diagnostic(`figure pods.shapes-refused=${outcomes.refused}`);
    assert.ok(outcomes.injected >= 40 && outcomes.refused >= 15, JSON.stringify(outcomes));
  });

  test("the fields that are known are those that it serves", async () => {
    const { stdout } = await given().api.kubectl(["get", "--raw", "/openapi/v3/api/v1"]);
    const { components } = JSON.parse(stdout) as {
      components: { schemas: Readonly<Record<string, Schema>> };
    };
    assert.deepEqual(unlike(POD_FIELDS, "io.k8s.api.core.v1.PodSpec", components.schemas, "spec"), []);
  });

  test("a pod lives: created, read back, labelled, debugged, and trusted at each step", async () => {
    await create(injected(exampleOf("metadata: { name: lives }").pod), false);
    const key = "shop/lives";
    const read = await given().kube.get(PODS, key, { signal });
    assert.ok(read);
    assert.deepEqual(check(asPod(read), FACTS, SETTINGS), []);

    const labelled = await given().kube.patch<Pod>(
      PODS,
      key,
      [{ op: "add", path: "/metadata/labels", value: { seen: "yes" } }],
      { signal },
    );
    assert.deepEqual(checkUpdate(asPod(labelled), asPod(read), FACTS, SETTINGS), []);

    const running = await given().kube.patch<Pod>(
      PODS,
      key,
      [{ op: "add", path: "/status/initContainerStatuses", value: [INIT_ENDED] }],
      { signal, subresource: "status" },
    );
    const result = injectEphemeral(await debugged("restricted", running), asPod(running), FACTS);
    assert.ok(result.outcome === "injected");
    const stored = await given().kube.patch<Pod>(
      PODS,
      key,
      [{ op: "add", path: "/spec/ephemeralContainers", value: result.pod.spec?.ephemeralContainers }],
      { signal, subresource: "ephemeralcontainers" },
    );
    assert.deepEqual(check(asPod(stored), FACTS, SETTINGS), []);

    const swapped = await given().kube.patch<Pod>(
      PODS,
      key,
      [{ op: "replace", path: "/spec/initContainers/1/image", value: "evil" }],
      { signal },
    );
    assert.deepEqual(
      checkUpdate(asPod(swapped), asPod(stored), FACTS, SETTINGS).map(({ field }) => field),
      ["spec.initContainers[1].image"],
    );
    assert.notDeepEqual(check(asPod(swapped), FACTS, SETTINGS), []);
  });

  test("of the profiles of kubectl debug those that ask for rights are refused", async () => {
    const pod = injected(exampleOf("metadata: { name: profiles }").pod);
    const before = asObject({ ...pod, status: { initContainerStatuses: [INIT_ENDED] } });
    const rules: Record<string, readonly string[]> = {};
    for (const profile of ["baseline", "restricted", "general", "netadmin", "sysadmin"]) {
      const result = injectEphemeral(await debugged(profile, before), asPod(before), FACTS);
      rules[profile] =
        result.outcome === "refused" ? [...new Set(result.findings.map(({ rule }) => rule))] : [];
    }
    assert.deepEqual(rules, {
      baseline: [],
      restricted: [],
      general: ["added-capability"],
      netadmin: ["added-capability"],
      sysadmin: ["privileged"],
    });
  });

  test("what LimitRange adds to the gateway is left to it", async () => {
    const { pod } = exampleOf("metadata: { name: limited, namespace: limited }");
    const facts = { ...FACTS, namespace: "limited" };
    const stored = await create(injected(pod, facts), true);
    assert.equal(stored.spec?.initContainers?.[1]?.resources?.limits?.["cpu"], "700m");
    assert.equal(stored.spec?.initContainers?.[1]?.resources?.limits?.["memory"], "256Mi");
    assert.deepEqual(check(stored, facts, SETTINGS), []);
    assert.deepEqual(inject(stored, facts, SETTINGS, 30_000), { outcome: "injected", pod: stored });
  });

  test("sizes written in other units are the same when they come back", async () => {
    const resources = {
      init: { requests: { cpu: "0.01", memory: "16384Ki" }, limits: { memory: "0.0625Gi" } },
      gateway: { requests: { cpu: "50e-3", memory: "96Mi" }, limits: { memory: "1024Mi" } },
    };
    const settings = { ...SETTINGS, resources };
    const stored = await create(injected(exampleOf("{}").pod, FACTS, settings), true);
    assert.equal(stored.spec?.initContainers?.[1]?.resources?.limits?.["memory"], "1Gi");
    assert.deepEqual(check(stored, FACTS, settings), []);
  });
}

const INIT_ENDED = {
  name: "gw-init",
  image: "",
  imageID: "",
  ready: true,
  restartCount: 0,
  state: { terminated: { exitCode: 0 } },
};

/** What the server has given an object that it did not keep, and does not take from others. */
function withoutServersOwn(value: unknown): Pick<Shape["pod"], "metadata"> {
  const pod = value as V1Pod;
  const { uid: _uid, creationTimestamp: _time, managedFields: _fields, ...metadata } = pod.metadata ?? {};
  return { ...pod, metadata };
}

/** Namespaces, and what the shapes refer to that has to be there. */
function surroundings(): readonly object[] {
  const accounts = new Set(shapes.map(({ pod }) => pod.spec?.serviceAccountName ?? "default"));
  const namespaces = [...Object.keys(NAMESPACES), "limited"];
  return [
    ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
    ...namespaces.flatMap((namespace) =>
      [...accounts].map((name) => ({
        apiVersion: "v1",
        kind: "ServiceAccount",
        metadata: { name, namespace },
      })),
    ),
    { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name: "gvisor" }, handler: "runsc" },
    {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: { name: "limits", namespace: "limited" },
      spec: { limits: [{ type: "Container", default: { cpu: "700m", memory: "1Gi" }, max: { cpu: "2" } }] },
    },
  ];
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly $ref?: string;
}

/** Fields that `fields` and the server's own description of a type do not have in common. */
function unlike(
  fields: Fields,
  type: string | undefined,
  schemas: Readonly<Record<string, Schema>>,
  field: string,
): readonly string[] {
  if (fields === "open") return [];
  const known = ("each" in fields ? fields.each : fields) as Readonly<Record<string, Fields>>;
  const served = schemas[type ?? ""]?.properties ?? {};
  return [...new Set([...Object.keys(known), ...Object.keys(served)])].flatMap((name) => {
    const [inner, schema] = [known[name], served[name]];
    if (inner === undefined || schema === undefined) return [`${field}.${name}`];
    return unlike(inner, referred(schema.items ?? schema), schemas, `${field}.${name}`);
  });
}

const referred = ({ $ref, allOf }: Schema): string | undefined =>
  ($ref ?? allOf?.[0]?.$ref)?.split("/").at(-1);
