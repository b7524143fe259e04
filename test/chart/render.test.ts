/** What the chart renders, without a cluster. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { registryOf, stampedKinds } from "#operator/admission/origin/registry.ts";
import { WEBHOOK_PATHS } from "#operator/admission/server/webhook.ts";
import { parseBrokerSettings } from "#operator/broker/settings.ts";
import {
  AUTHOR,
  FORCED_UID,
  GATEWAY_UIDS,
  INIT_UID,
  LABELS,
  ORIGIN,
  PORTS_RESERVED,
  RESTAMPED,
} from "#operator/names.ts";
import { operatorSettings } from "./support/agents.ts";
import {
  CHART,
  find,
  helm,
  render,
  renderText,
  renderedText,
  skipWithoutHelm,
  type Values,
  valueFlags,
} from "./support/helm.ts";
import { VALUE_SETS } from "./support/value-sets.ts";

interface Configuration {
  readonly webhooks: readonly {
    readonly name: string;
    readonly clientConfig: { readonly service?: { readonly path?: string }; readonly caBundle?: string };
    readonly failurePolicy: string;
    readonly namespaceSelector?: unknown;
    readonly objectSelector?: unknown;
    readonly rules: readonly { readonly apiGroups: string[]; readonly resources: string[] }[];
  }[];
}

const KINDS = ["MutatingWebhookConfiguration", "ValidatingWebhookConfiguration"] as const;

async function webhooks(): Promise<Configuration["webhooks"]> {
  const objects = await render();
  return KINDS.flatMap((kind) => (find(objects, kind, "sallyport") as unknown as Configuration).webhooks);
}

describe("the chart", { skip: skipWithoutHelm() }, () => {
  for (const [name, values] of Object.entries(VALUE_SETS)) {
    test(`has nothing that helm's own linter minds: ${name}`, async () => {
      const { code, stdout, stderr } = await helm(["lint", "--strict", CHART, ...valueFlags(values)]);
      assert.equal(code, 0, stdout + stderr);
    });
    test(`renders the same twice: ${name}`, async () => {
      const [one, other] = await Promise.all([renderedText(values), renderText(values)]);
      assert.equal(one.code, 0, one.stderr);
      assert.equal(one.stdout, other.stdout);
    });
    test(`tells the operator what the operator understands: ${name}`, async () => {
      const { injection, namespace } = await operatorSettings(values);
      assert.equal(namespace, "sallyport-system");
      assert.equal(injection.broker, "sallyport-broker.sallyport-system.svc:8443");
    });
    test(`tells the broker what the broker understands, and by which pods are checked as they are made: ${name}`, async () => {
      const config = find(await render(values), "ConfigMap", "sallyport-broker") as unknown as {
        readonly data: Readonly<Record<string, string>>;
      };
      const settings = parseBrokerSettings(config.data["broker.json"] ?? "");
      if (!("state" in settings)) throw new Error(settings.join("\n"));
      const { injection } = await operatorSettings(values);
      assert.deepEqual(settings.cluster?.injection, injection);
      const [host = "", port] = injection.broker.split(":");
      assert.ok(settings.cluster?.names.includes(host));
      assert.equal(settings.cluster?.gateways.port, Number(port));
    });
  }
  test("tells the broker what users are who launch agents", async () => {
    const claims = { ref: "github:ref=" };
    const root = {
      userPrefix: "github:",
      kind: "ci",
      provider: "github-actions",
      claim: "repository",
      claims,
    };
    const roots = [root];
    const lineage = { depthMax: 3, childrenMax: 5, roots };
    const config = find(await render({ lineage }), "ConfigMap", "sallyport-broker") as unknown as {
      readonly data: Readonly<Record<string, string>>;
    };
    const settings = parseBrokerSettings(config.data["broker.json"] ?? "");
    if (!("state" in settings)) throw new Error(settings.join("\n"));
    assert.deepEqual(settings.cluster?.lineage, lineage);
  });

  const refused: readonly (readonly [Values, RegExp])[] = [
    [{ rootles: "deny" }, /additional properties 'rootles' not allowed/],
    [{ lineage: { roots: [{ userPrefix: "x", kind: "agent" }] } }, /at '\/lineage\/roots\/0\/kind'/],
    [
      { lineage: { roots: [{ userPrefix: "x", kind: "ci", claims: { "a claim": "x:" } }] } },
      /at '\/lineage\/roots\/0\/claims'/,
    ],
    [{ rootless: "maybe" }, /at '\/rootless': value must be one of 'deny', 'force', 'rootNoCaps'/],
    [{ broker: { storage: { size: "lots" } } }, /at '\/broker\/storage\/size': 'lots' does not match/],
    [{ images: { gateway: { digest: "latest" } } }, /at '\/images\/gateway\/digest'/],
    [{ operator: { replicas: 0 } }, /at '\/operator\/replicas'/],
    [{ webhook: { timeoutSeconds: 1 } }, /at '\/webhook\/timeoutSeconds'/],
    [{ networkPolicy: { apiServerCidrs: ["10.0.0.1"] } }, /at '\/networkPolicy\/apiServerCidrs\/0'/],
    [{ broker: { apiAudiences: ["it's"] } }, /at '\/broker\/apiAudiences\/0'/],
    [{ gateway: { resources: { limits: { "example.com/nic": 1 } } } }, /'example.com\/nic' not allowed/],
  ];
  for (const [values, words] of refused) {
    test(`refuses ${JSON.stringify(values)} and says where`, async () => {
      const { code, stderr } = await renderText(values);
      assert.notEqual(code, 0);
      assert.match(stderr, words);
    });
  }
  test("refuses a Kubernetes that would let pods hang", async () => {
    const { code, stderr } = await helm(["template", "sallyport", CHART, "--kube-version", "1.32.9"]);
    assert.notEqual(code, 0);
    assert.match(stderr, />=1\.33\.0-0/);
  });

  test("registers every webhook there is, and no other", async () => {
    const paths = (await webhooks()).map(({ clientConfig }) => clientConfig.service?.path);
    assert.deepEqual(paths.toSorted(), Object.values(WEBHOOK_PATHS).toSorted());
  });
  test("lets no webhook be gone round by a label of the object, a fault or an authority of the chart's", async () => {
    for (const { name, failurePolicy, objectSelector, clientConfig, namespaceSelector } of await webhooks()) {
      assert.equal(failurePolicy, "Fail", name);
      assert.equal(objectSelector, undefined, name);
      assert.equal(clientConfig.caBundle, undefined, name);
      if (name.startsWith("kinds.")) assert.equal(namespaceSelector, undefined);
      else
        assert.match(
          JSON.stringify(namespaceSelector),
          new RegExp(`"${LABELS.enforce}","operator":"Exists"`),
        );
    }
  });
  test("stamps and holds the workloads that the operator knows", async () => {
    const kinds = stampedKinds(registryOf([]));
    const wanted = kinds.map(({ group, plural }) => `${group}/${plural}`).toSorted();
    const listed = (rules: Configuration["webhooks"][number]["rules"]) =>
      rules
        .flatMap(({ apiGroups: [group], resources }) => resources.map((one) => `${group}/${one}`))
        .toSorted();
    for (const { name, rules } of await webhooks())
      if (name.startsWith("workloads.")) assert.deepEqual(listed(rules), wanted, name);
    const policy = (name: string) =>
      (find(objects, "ValidatingAdmissionPolicy", name) as unknown as Policy).spec.matchConstraints
        .resourceRules;
    const objects = await render();
    assert.deepEqual(listed(policy("sallyport-origin-workloads")), wanted);
    const statuses = wanted.flatMap((one) =>
      one === "apps/controllerrevisions" ? [one] : [one, `${one}/status`],
    );
    assert.deepEqual(listed(policy("sallyport-origin-unchanged")), statuses.toSorted());
  });
  test("has the names of operator/names.ts in its policies", async () => {
    const text = JSON.stringify((await render()).filter(({ kind }) => kind === "ValidatingAdmissionPolicy"));
    const { first, last } = PORTS_RESERVED;
    const uses = [
      ...Object.values(ORIGIN).map((key) => `['${key}', `),
      [...Object.values(AUTHOR), RESTAMPED].map((key) => `'${key}'`).join(", "),
      ...Object.values(LABELS),
      `variables.uid >= ${GATEWAY_UIDS.first} && variables.uid <= ${GATEWAY_UIDS.last}`,
      `!= ${INIT_UID}`,
      `port < ${first} || port > ${last}`,
      `--reserved=${first}-${last}`,
    ];
    for (const use of uses) assert.ok(text.includes(use), use);
    assert.ok(!text.includes(`${FORCED_UID}`), "what is forced is a matter of the webhook");
  });
});

interface Policy {
  readonly spec: {
    readonly matchConstraints: { readonly resourceRules: Configuration["webhooks"][number]["rules"] };
  };
}
