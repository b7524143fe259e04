/** The controllers of Kubernetes on the api tier, where a test is about what they make. */
import type { ApiTier } from "./api-tier.ts";
import { ensurePrograms } from "./binaries.ts";
import { COLLECTING_SELDOM, wordsOf } from "./control-plane.ts";
import { startChild } from "#tools/world/child.ts";

export interface ControllerManagerOptions {
  /** By the names of its flag `--controllers`. */
  readonly controllers: readonly string[];
  /** Each controller is a service account of its own, as in most clusters; else all are `system:kube-controller-manager`. */
  readonly isSeparate?: boolean;
}

/** Resolves when it runs; what it follows comes after. */
export async function startControllerManager(
  api: Pick<ApiTier, "folder" | "kubeconfigOf">,
  { controllers, isSeparate = true }: ControllerManagerOptions,
): Promise<AsyncDisposable & { output(): string }> {
  const { "kube-controller-manager": program } = await ensurePrograms(["kube-controller-manager"]);
  const kubeconfig = await api.kubeconfigOf({ user: "system:kube-controller-manager" });
  const words = wordsOf({
    kubeconfig,
    controllers: controllers.join(","),
    "use-service-account-credentials": String(isSeparate),
    "kube-api-qps": "500",
    "kube-api-burst": "1000",
    "leader-elect": "false",
    // Nobody asks it anything here.
    "secure-port": "0",
    "flex-volume-plugin-dir": `${api.folder}/volume-plugins`,
  });
  return startChild([program, ...words], { endedBy: "SIGKILL", environment: COLLECTING_SELDOM });
}
