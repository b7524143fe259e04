/** A replica of the broker as the program that the chart starts, with the chart's own configuration and rights. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CoreV1Api } from "@kubernetes/client-node";
import { ROOT } from "#test/architecture/sources.ts";
import { SERVER_NAME } from "#test/port/tls.ts";
import { startChild } from "#tools/world/child.ts";
import { compiledSources } from "#tools/world/compiled.ts";
import { NAMESPACE, type World } from "./world.ts";

export interface ReplicaProcess extends AsyncDisposable {
  readonly port: number;
  readonly enrolPort: number;
  /** SIGKILL. Resolves when it is gone. */
  kill(): Promise<void>;
}

const LOCAL = { host: "127.0.0.1", port: 0 };
const SERVING = /"message":"gateways are answered".*"gateways":(\d+),"requests":(\d+)/;

/** On a volume that is there, as after a restart. */
export async function startReplicaProcess(
  { guarded: { api } }: World,
  state: string,
): Promise<ReplicaProcess> {
  const core = api.config.makeApiClient(CoreV1Api);
  const { data } = await core.readNamespacedConfigMap({ namespace: NAMESPACE, name: "sallyport-broker" });
  const told = JSON.parse(data?.["broker.json"] ?? "") as { readonly cluster: object };
  const cluster = { ...told.cluster, gateways: LOCAL, requests: LOCAL, names: [SERVER_NAME] };
  const account = await api.asServiceAccount(NAMESPACE, "sallyport-broker");
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-broker-process-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const [config, kubeconfig] = [join(folder, "broker.json"), join(folder, "kubeconfig")];
  await writeFile(config, JSON.stringify({ ...told, state, observability: LOCAL, cluster }));
  await writeFile(kubeconfig, account.exportConfig(), { mode: 0o600 });
  const words = [join(ROOT, "operator/broker/main.ts"), "--config", config, "--kubeconfig", kubeconfig];
  const child = opened.use(
    startChild([process.execPath, ...words], { folder, environment: compiledSources() }),
  );
  const [, port, enrolPort] = await child.line(SERVING);
  const kept = opened.move();
  return {
    port: Number(port),
    enrolPort: Number(enrolPort),
    async kill() {
      child.kill("SIGKILL");
      await child.exited;
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
