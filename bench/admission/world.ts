/** An API server with the chart in force, policies included, and the operator as it is shipped: one process, from the bundle. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "rolldown";
import { openKube } from "#operator/kube/client.ts";
import { operatorSettings } from "#test/chart/support/agents.ts";
import { VALUES, install } from "#test/chart/support/cluster.ts";
import { NAMESPACE } from "#test/chart/support/helm.ts";
import { atAddress, put, until } from "#test/webhook/support/world.ts";
import { type ApiTier, startApiTier } from "#tools/cluster/api-tier.ts";
import { freePorts } from "#tools/cluster/ports.ts";
import { startChild } from "#tools/world/child.ts";
import { bundleOf } from "../../rolldown.config.ts";

export interface AdmissionWorld extends AsyncDisposable {
  readonly api: ApiTier;
  readonly operatorPid: number;
  plain(): Promise<string>;
  enforced(): Promise<string>;
}

export async function openAdmissionWorld(): Promise<AdmissionWorld> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-bench-admission-"));
  opened.defer(() => rm(folder, { recursive: true, force: true }));
  await build({ ...bundleOf(["operator"], join(folder, "dist")), logLevel: "warn" });
  const api = opened.use(await startApiTier());
  await install(api, VALUES);
  const [port = 0, healthPort = 0] = await freePorts(2);
  const settings = {
    ...atAddress(await operatorSettings(VALUES), `https://127.0.0.1:${port}`, { host: "127.0.0.1", port }),
    observability: { host: "127.0.0.1", port: healthPort },
    logLevel: "info",
  };
  using kube = openKube(api.config);
  for (const each of settings.webhook.configurations) await put(kube, each);
  const [config, kubeconfig] = [join(folder, "operator.json"), join(folder, "kubeconfig")];
  await writeFile(config, JSON.stringify(settings));
  const access = await api.asServiceAccount(NAMESPACE, "sallyport-operator");
  await writeFile(kubeconfig, access.exportConfig(), { mode: 0o600 });
  const words = [join(folder, "dist/operator.js"), "--config", config, "--kubeconfig", kubeconfig];
  const operator = opened.use(startChild([process.execPath, ...words], { folder }));
  await until("the operator is ready", async () => {
    const answer = await fetch(`http://127.0.0.1:${healthPort}/readyz`).catch(() => undefined);
    return answer?.status === 200 ? true : undefined;
  });
  const moved = opened.move();
  return {
    api,
    operatorPid: operator.pid,
    plain: () => api.namespace(),
    enforced: () => api.namespace({ "sallyport.dev/enforce": "" }),
    [Symbol.asyncDispose]: () => moved.disposeAsync(),
  };
}
