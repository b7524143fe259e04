/** The operator's own program with the rights that the chart gives it, and no other: every one is enough for what it does. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import {
  AdmissionregistrationV1Api,
  CoreV1Api,
  CustomObjectsApi,
  NetworkingV1Api,
  RbacAuthorizationV1Api,
} from "@kubernetes/client-node";
import { BROKER_ROLES, NETWORK_POLICY } from "#operator/reconcile/owned.ts";
import { ROOT } from "#test/architecture/sources.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { startChild } from "#tools/world/child.ts";
import { NAMESPACE } from "../support/helm.ts";
import { eventually } from "../support/wait.ts";

const KIND = { group: "sallyport.dev", version: "v1alpha1", plural: "connections" } as const;
const CONNECTION = {
  apiVersion: "sallyport.dev/v1alpha1",
  kind: "Connection",
  metadata: { name: "search" },
  spec: {
    protocol: "tcp",
    address: { host: "search.example.com", port: 9243 },
    credential: { mode: "none" },
    tcp: { requireTls: true },
  },
};

/** `folder`: for the operator's files. */
export function operatorProgram(api: () => ApiTier, folder: string): void {
  test("in which the operator does its work with the rights that it has", async () => {
    const core = api().config.makeApiClient(CoreV1Api);
    const dns = { metadata: { name: "kube-dns" }, spec: { ports: [{ port: 53, protocol: "UDP" }] } };
    await core.createNamespacedService({ namespace: "kube-system", body: dns });
    const namespace = await api().namespace({ "sallyport.dev/enforce": "" });
    await using operator = startChild([process.execPath, ...(await operatorWords(api(), folder))]);
    const done = (what: string, ask: () => Promise<boolean>): Promise<true> =>
      eventually(
        async () => ((await ask()) ? true : undefined),
        () => `${what} is not done:\n${operator.output().slice(-3_000)}`,
      );

    await done("the certificate authority of the webhooks", async () => {
      const registrations = api().config.makeApiClient(AdmissionregistrationV1Api);
      const { webhooks = [] } = await registrations.readValidatingWebhookConfiguration({ name: "sallyport" });
      return webhooks.every(({ clientConfig }) => clientConfig.caBundle !== undefined);
    });
    const held = async (): Promise<readonly string[]> => {
      const bindings = await api()
        .config.makeApiClient(RbacAuthorizationV1Api)
        .listNamespacedRoleBinding({ namespace });
      const policies = await api()
        .config.makeApiClient(NetworkingV1Api)
        .listNamespacedNetworkPolicy({ namespace });
      return [...bindings.items, ...policies.items].map(({ metadata }) => metadata?.name ?? "").toSorted();
    };
    const wanted = [...BROKER_ROLES, NETWORK_POLICY].toSorted().join();
    await done("what a labelled namespace holds", async () => (await held()).join() === wanted);
    const [, port] = await operator.line(/"answering reviews".*"port":(\d+)/);
    assert.notEqual(port, undefined);

    // It waits before it makes anew what was deleted, since that may be an uninstallation; here it is asked whether it may.
    const account = await api().asServiceAccount(NAMESPACE, "sallyport-operator");
    for (const kind of ["Mutating", "Validating"] as const) {
      const body = { metadata: { name: `probe-${kind.toLowerCase()}` }, webhooks: [] };
      const registrations = account.makeApiClient(AdmissionregistrationV1Api);
      await registrations[`create${kind}WebhookConfiguration`]({ body, dryRun: "All" });
    }

    // Its webhooks cannot be reached at a Service where nothing runs: the object is made before they are asked again.
    await api().kubectl(["delete", "validatingwebhookconfiguration", "sallyport"]);
    const objects = api().config.makeApiClient(CustomObjectsApi);
    await objects.createNamespacedCustomObject({ ...KIND, namespace, body: CONNECTION });
    await done("the status of a Connection", async () => {
      const made: unknown = await objects.getNamespacedCustomObject({ ...KIND, namespace, name: "search" });
      return JSON.stringify(made).includes('"type":"Accepted"');
    });
    await api().kubectl(["label", "namespace", namespace, "sallyport.dev/enforce-"]);
    await done("taking back what a namespace held", async () => (await held()).length === 0);
    operator.kill("SIGTERM");
    assert.deepEqual(await operator.exited, { code: 0, signal: null });
    assert.doesNotMatch(operator.output(), /forbidden|"status":403/i);
  });
}

/** As the chart tells it, but for where it listens. */
export async function operatorWords(api: ApiTier, folder: string): Promise<readonly string[]> {
  const core = api.config.makeApiClient(CoreV1Api);
  const { data } = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: "sallyport-operator" });
  const told = JSON.parse(data?.["operator.json"] ?? "") as { readonly webhook: object };
  const listen = { host: "127.0.0.1", port: 0 };
  const config = { ...told, webhook: { ...told.webhook, listen }, observability: listen, drainSeconds: 0 };
  const account = await api.asServiceAccount(NAMESPACE, "sallyport-operator");
  const files = { config: join(folder, "operator.json"), kubeconfig: join(folder, "operator.kubeconfig") };
  writeFileSync(files.config, JSON.stringify(config));
  writeFileSync(files.kubeconfig, account.exportConfig(), { mode: 0o600 });
  return [join(ROOT, "operator/main.ts"), "--config", files.config, "--kubeconfig", files.kubeconfig];
}
