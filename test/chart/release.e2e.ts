/** The chart installed, upgraded and taken away with helm, on a real API server. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  AdmissionregistrationV1Api,
  ApiextensionsV1Api,
  CoreV1Api,
  PatchStrategy,
  setHeaderOptions,
  type V1PodSpec,
} from "@kubernetes/client-node";
import { parseSettings } from "#operator/config/read.ts";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { operatorProgram } from "./release/operator.ts";
import { registrationInPieces } from "./release/registration.ts";
import { install, refusalOf } from "./support/cluster.ts";
import {
  CHART,
  helm,
  NAMESPACE,
  type Rendered,
  render,
  renderText,
  type Values,
  valueFlags,
} from "./support/helm.ts";
import { VALUE_SETS } from "./support/value-sets.ts";
import { eventually } from "./support/wait.ts";
import { PROMETHEUS_KINDS } from "./support/prometheus-kinds.ts";

const JSON_PATCH = setHeaderOptions("Content-Type", PatchStrategy.JsonPatch);
const OTHER_GATEWAY: Values = { images: { gateway: { tag: "2" } } };
const BUNDLE = Buffer.from("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n").toString("base64");

const folder = mkdtempSync(join(tmpdir(), "sallyport-release-"));
after(() => rmSync(folder, { recursive: true }));

describe("a release", { skip: skipWithoutApiTier() }, () => {
  let started: ApiTier | undefined;
  before(async () => {
    started = await startApiTier();
    await started.kubectl(["create", "namespace", NAMESPACE]);
    await started.kubectl(["label", "namespace", NAMESPACE, "pod-security.kubernetes.io/enforce=restricted"]);
    await started.kubectl(["create", "serviceaccount", "default", "--namespace", NAMESPACE]);
    await started.kubectl(["apply", "-f", "-"], { stdin: JSON.stringify(PROMETHEUS_KINDS) });
  });
  after(() => started?.[Symbol.asyncDispose]());
  const api = (): ApiTier => {
    if (started === undefined) throw new Error("the API server has not been started");
    return started;
  };
  const upgrade = async (values: Values): Promise<void> => {
    const words = ["upgrade", "sallyport", CHART, "--namespace", NAMESPACE, ...valueFlags(values)];
    const { code, stderr } = await helm(words, api().kubeconfig);
    assert.equal(code, 0, stderr);
  };

  for (const [name, values] of Object.entries(VALUE_SETS)) {
    test(`of which the API server takes every object: ${name}`, async () => {
      const { stdout: manifest } = await renderText(values);
      const words = [
        "apply",
        "--server-side",
        "--dry-run=server",
        "--validate=strict",
        "--output=name",
        "--filename=-",
      ];
      const { code, stdout, stderr } = await api().kubectl(words, { stdin: manifest });
      assert.equal(code, 0, stderr);
      assert.equal(stdout.trim().split("\n").length, (await render(values)).length);
      // Unknown fields, deprecated versions and what Pod Security would refuse are told as warnings.
      assert.doesNotMatch(stderr, /Warning/);
    });
    test(`whose own pods may run where Pod Security is restricted: ${name}`, async () => {
      const core = api().config.makeApiClient(CoreV1Api);
      for (const { kind, name: of, spec } of (await render(values)).flatMap(podsIn)) {
        const body = {
          metadata: { name: "probe" },
          spec: { ...spec, serviceAccountName: "default", priorityClassName: "" },
        };
        const refusal = await refusalOf(() =>
          core.createNamespacedPod({ namespace: NAMESPACE, body, dryRun: "All" }),
        );
        assert.equal(refusal, undefined, `${kind} ${of}`);
      }
    });
  }

  test("that is upgraded keeps what the operator has filled in, and knows what pods were injected with", async () => {
    await install(api(), {});
    const operator = await api().asServiceAccount(NAMESPACE, "sallyport-operator");
    const registrations = operator.makeApiClient(AdmissionregistrationV1Api);
    const body = [{ op: "add", path: "/webhooks/0/clientConfig/caBundle", value: BUNDLE }];
    await registrations.patchMutatingWebhookConfiguration({ name: "sallyport", body }, JSON_PATCH);
    await upgrade(OTHER_GATEWAY);
    const { webhooks } = await registrations.readMutatingWebhookConfiguration({ name: "sallyport" });
    assert.equal(webhooks?.[0]?.clientConfig.caBundle, BUNDLE);
    const { former, images } = await injectionOf(api());
    assert.equal(images.gateway, "sallyport/gateway:2");
    assert.deepEqual(
      former?.map((one) => one.images.gateway),
      ["sallyport/gateway:0.1.0"],
    );
    const policy = await api()
      .config.makeApiClient(AdmissionregistrationV1Api)
      .readValidatingAdmissionPolicy({ name: "sallyport-pod-gateway" });
    const accepted = "variables.gateway.image in ['sallyport/gateway:2', 'sallyport/gateway:0.1.0']";
    assert.ok(policy.spec?.validations?.some(({ expression }) => expression === accepted));
  });

  test("is not changed by an upgrade to the same values", async () => {
    const before = await versions(api());
    assert.ok(before.length > 50, `${before.length}`);
    await upgrade(OTHER_GATEWAY);
    assert.deepEqual(await versions(api()), before);
  });

  operatorProgram(api, folder);
  registrationInPieces(api, folder);

  test("leaves nothing that blocks a pod when it is taken away, and its kinds with what is of them", async () => {
    const core = api().config.makeApiClient(CoreV1Api);
    const namespace = await api().namespace({ "sallyport.dev/enforce": "" });
    const body = { metadata: { name: "plain" }, spec: { containers: [{ name: "app", image: "app" }] } };
    const create = () => core.createNamespacedPod({ namespace, body, dryRun: "All" });
    // The webhook cannot be reached, and so nothing is made here: the attack that taking away has to end.
    assert.match((await refusalOf(create)) ?? "it was let through", /failed calling webhook|sallyport-/);
    const { code, stderr } = await helm(
      ["uninstall", "sallyport", "--namespace", NAMESPACE],
      api().kubeconfig,
    );
    assert.equal(code, 0, stderr);
    let refusal: string | undefined;
    await eventually(
      async () => ((refusal = await refusalOf(create)) === undefined ? true : undefined),
      () => `a pod is still refused: ${refusal ?? ""}`,
    );
    const left = (await versions(api())).map((line) => line.split(" ")[0]);
    assert.deepEqual([...new Set(left)], ["CustomResourceDefinition"]);
    const kinds = await api().config.makeApiClient(ApiextensionsV1Api).listCustomResourceDefinition();
    assert.ok(kinds.items.filter(({ spec }) => spec.group === "sallyport.dev").length >= 4);
  });
  test("is installed again over the kinds that it left", async () => {
    await install(api(), {});
  });
});

/** `Kind name version`, of everything that bears the release's label. */
async function versions({ kubectl }: ApiTier): Promise<readonly string[]> {
  const kinds = [
    "clusterroles,clusterrolebindings,roles,rolebindings,serviceaccounts,configmaps,services,secrets",
    "deployments,statefulsets,poddisruptionbudgets,networkpolicies,priorityclasses,crds",
    "mutatingwebhookconfigurations,validatingwebhookconfigurations",
    "validatingadmissionpolicies,validatingadmissionpolicybindings",
  ].join(",");
  const words = [
    "get",
    kinds,
    "--all-namespaces",
    "--selector=app.kubernetes.io/instance=sallyport",
    "--output=json",
  ];
  const { stdout, stderr } = await kubectl(words);
  const { items } = JSON.parse(stdout === "" ? "{}" : stdout) as { items?: readonly Rendered[] };
  if (items === undefined) throw new Error(stderr);
  return items
    .map(({ kind, metadata }) => `${kind} ${metadata.name} ${metadata.resourceVersion ?? ""}`)
    .toSorted();
}

async function injectionOf({ config }: ApiTier) {
  const core = config.makeApiClient(CoreV1Api);
  const { data } = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: "sallyport-operator" });
  const settings = parseSettings(data?.["operator.json"] ?? "");
  if (!("injection" in settings)) throw new Error(settings.join("\n"));
  return settings.injection;
}

interface PodIn {
  readonly kind: string;
  readonly name: string;
  readonly spec: V1PodSpec;
}

function podsIn({ kind, metadata: { name }, spec }: Rendered): readonly PodIn[] {
  if (kind === "Pod") return [{ kind, name, spec: spec as V1PodSpec }];
  const template = (spec as { readonly template?: { readonly spec: V1PodSpec } } | undefined)?.template;
  return template === undefined
    ? []
    : [{ kind, name, spec: { ...template.spec, volumes: [], containers: unmounted(template.spec) } }];
}

/** A StatefulSet's claims become volumes when its controller makes the pod. */
function unmounted({ containers }: V1PodSpec): V1PodSpec["containers"] {
  return containers.map((container) => ({ ...container, volumeMounts: [] }));
}
