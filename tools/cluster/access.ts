/** Ways into a running cluster, whichever tier it is: as the administrator, and as anybody else. */
import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { CoreV1Api, KubeConfig, type RequestContext } from "@kubernetes/client-node";
import { type KubectlOptions, type KubectlResult, kubectl } from "./kubectl.ts";
import type { Pki } from "./pki.ts";

export interface Identity {
  readonly user: string;
  readonly groups?: readonly string[];
  /**
   * What a client certificate cannot say: the administrator impersonates the user instead. One group at most then, and
   * none needed for a service account, which gets its own.
   */
  readonly extra?: Readonly<Record<string, string>>;
}

export interface Access {
  readonly url: string;
  readonly pki: Pki;
  /** The administrator's, as a file. */
  readonly kubeconfig: string;
  /** The administrator's. */
  readonly config: KubeConfig;
  as(user: string, more?: Omit<Identity, "user">): KubeConfig;
  /** The same as a file, for programs; the same file for the same identity. */
  kubeconfigOf(identity: Identity): Promise<string>;
  /** With a real token of that service account; bound to a pod it says which one, as a token projected into it does. */
  asServiceAccount(namespace: string, name: string, boundTo?: BoundPod): Promise<KubeConfig>;
  /** A new one, with a `default` service account; the answer is its name. */
  namespace(labels?: Readonly<Record<string, string>>): Promise<string>;
  kubectl(
    args: readonly string[],
    options?: Omit<KubectlOptions, "kubeconfig"> & { as?: Identity },
  ): Promise<KubectlResult>;
}

export interface BoundPod {
  readonly name: string;
  readonly uid: string;
}

const ADMINISTRATOR: Identity = { user: "administrator", groups: ["system:masters"] };
const TOKEN_SECONDS = 3_600;

/** `folder`: for kubeconfig files; it goes with the cluster. */
export async function openAccess(url: string, pki: Pki, folder: string): Promise<Access> {
  const kubeconfig = `${folder}/administrator.kubeconfig`;
  const administrator = kubeconfigText(url, pki, ADMINISTRATOR);
  await writeFile(kubeconfig, administrator, { mode: 0o600 });
  const config = keepingConnections(new KubeConfig());
  config.loadFromString(administrator);

  const files = new Map<string, Promise<string>>();
  const kubeconfigOf = (identity: Identity): Promise<string> => {
    const key = JSON.stringify([identity.user, identity.groups, identity.extra]);
    const file = files.get(key) ?? writeKubeconfig(folder, kubeconfigText(url, pki, identity));
    files.set(key, file);
    return file;
  };
  return {
    url,
    pki,
    kubeconfig,
    config,
    kubeconfigOf,
    as: (user, more = {}) => configOf(url, pki, { ...more, user }),
    asServiceAccount: async (namespace, name, boundTo) =>
      withToken(config, await tokenOf(config, namespace, name, boundTo)),
    namespace: (labels = {}) => makeNamespace(config, labels),
    kubectl: async (args, { as, ...options } = {}) =>
      kubectl(args, { ...options, kubeconfig: as === undefined ? kubeconfig : await kubeconfigOf(as) }),
  };
}

async function writeKubeconfig(folder: string, text: string): Promise<string> {
  const file = `${folder}/${randomUUID()}.kubeconfig`;
  await writeFile(file, text, { mode: 0o600 });
  return file;
}

function kubeconfigText(url: string, pki: Pki, identity: Identity): string {
  const { user, groups = [], extra } = identity;
  const shown =
    extra === undefined ? pki.client(user, groups) : pki.client(ADMINISTRATOR.user, ADMINISTRATOR.groups);
  const impersonated =
    extra === undefined
      ? {}
      : {
          as: user,
          "as-groups": groups,
          "as-user-extra": Object.fromEntries(Object.entries(extra).map(([key, value]) => [key, [value]])),
        };
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server: url, "certificate-authority-data": base64(pki.caPem) } }],
    users: [
      {
        name: user,
        user: {
          "client-certificate-data": base64(shown.certificatePem),
          "client-key-data": base64(shown.keyPem),
          ...impersonated,
        },
      },
    ],
    contexts: [{ name: "test", context: { cluster: "test", user } }],
    "current-context": "test",
  });
}

function configOf(url: string, pki: Pki, identity: Identity): KubeConfig {
  const config = keepingConnections(new KubeConfig());
  config.loadFromString(kubeconfigText(url, pki, identity));
  const { groups = [], extra } = identity;
  if (extra === undefined) return config;
  if (groups.length > 1)
    throw new RangeError("with `extra`, one group at most: a header of client-node has one value");
  // client-node knows of a kubeconfig's `as` only the user.
  const headers = {
    ...Object.fromEntries(groups.map((group) => ["Impersonate-Group", group])),
    ...Object.fromEntries(
      Object.entries(extra).map(([key, value]) => [`Impersonate-Extra-${encodeURIComponent(key)}`, value]),
    ),
  };
  config.addAuthenticator({
    isAuthProvider: () => true,
    applyAuthentication: async (_user, options) => {
      options.headers = { ...options.headers, ...headers };
    },
  });
  return config;
}

/**
 * client-node opens a connection for every request, whose handshake costs both sides more than most requests do. What it would
 * open the first one with serves all of them: of this server, as this user.
 */
function keepingConnections(config: KubeConfig): KubeConfig {
  const applySecurity = config.applySecurityAuthentication.bind(config);
  let kept: ReturnType<RequestContext["getDispatcher"]>;
  config.applySecurityAuthentication = async (context) => {
    await applySecurity(context);
    kept ??= context.getDispatcher();
    if (kept !== undefined) context.setDispatcher(kept);
  };
  return config;
}

function withToken(administrator: KubeConfig, token: string): KubeConfig {
  const cluster = administrator.getCurrentCluster();
  if (cluster === null) throw new TypeError("a kubeconfig of ours names its cluster");
  const config = keepingConnections(new KubeConfig());
  config.loadFromClusterAndUser(cluster, { name: "service account", token });
  return config;
}

async function tokenOf(
  administrator: KubeConfig,
  namespace: string,
  name: string,
  boundTo?: BoundPod,
): Promise<string> {
  const boundObjectRef =
    boundTo === undefined ? {} : { boundObjectRef: { apiVersion: "v1", kind: "Pod", ...boundTo } };
  const { status } = await administrator.makeApiClient(CoreV1Api).createNamespacedServiceAccountToken({
    namespace,
    name,
    body: { spec: { audiences: [], expirationSeconds: TOKEN_SECONDS, ...boundObjectRef } },
  });
  if (status?.token === undefined) throw new TypeError("the API server answers a TokenRequest with a token");
  return status.token;
}

async function makeNamespace(config: KubeConfig, labels: Readonly<Record<string, string>>): Promise<string> {
  const api = config.makeApiClient(CoreV1Api);
  const made = await api.createNamespace({
    body: { metadata: { generateName: "test-", labels: { ...labels } } },
  });
  const namespace = made.metadata?.name ?? "";
  // A controller manager would make it; a pod is refused without.
  await api.createNamespacedServiceAccount({ namespace, body: { metadata: { name: "default" } } });
  return namespace;
}

function base64(text: string): string {
  return Buffer.from(text, "utf8").toString("base64");
}
