/**
 * How a cluster is reached, and as whom. client-node's `KubeConfig` is one for everything that a kubeconfig file can say. A pod's own
 * account is simpler, and what every replica in a cluster uses: it needs none of client-node, which is 45 MB of memory once loaded.
 */
import { readFile } from "node:fs/promises";
import type { RequestOptions } from "node:https";
import { KubeError } from "./error.ts";

export interface Access {
  getCurrentCluster(): { readonly server: string; readonly proxyUrl?: string | undefined } | null;
  /** Asked before each request. */
  applyToHTTPSOptions(options: RequestOptions): Promise<void>;
}

const ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

/** Undefined outside a pod. */
export function podAccess(
  variables: Readonly<Record<string, string | undefined>>,
  folder = ACCOUNT_FOLDER,
): Access | undefined {
  const host = variables["KUBERNETES_SERVICE_HOST"];
  const port = variables["KUBERNETES_SERVICE_PORT"];
  if (host === undefined || host === "" || port === undefined || port === "") return undefined;
  const server = `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
  return {
    getCurrentCluster: () => ({ server }),
    // Read anew each time: the kubelet renews the token within its hour, and the authority can be rotated.
    applyToHTTPSOptions: async (options) => {
      const [token, ca] = await Promise.all([read(`${folder}/token`), read(`${folder}/ca.crt`)]);
      options.ca = ca;
      options.headers = {
        ...(options.headers as object | undefined),
        authorization: `Bearer ${token.trim()}`,
      };
    },
  };
}

/** Whom calls take for the API server, in PEM; undefined where that is left to the system. */
export async function apiServerPem(access: Access): Promise<string | undefined> {
  const options: RequestOptions = {};
  await access.applyToHTTPSOptions(options);
  const { ca } = options;
  return ca === undefined ? undefined : [ca].flat().map(String).join("\n");
}

async function read(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    const message = `the pod's own account cannot be read: ${cause instanceof Error ? cause.message : path}`;
    throw new KubeError({ status: 0, reason: "NoAccount", message, cause });
  }
}
