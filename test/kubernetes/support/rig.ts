/** A gateway in front of a real API server: clients come to it in TLS, and it bears a token that they do not have. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Rig, type RigOptions, startRig } from "#test/gateway/support/in-process.ts";
import { policy } from "#test/gateway/support/kinds.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import type { ApiTier } from "#tools/cluster/api-tier.ts";
import { type KubectlResult, kubectl } from "#tools/cluster/kubectl.ts";

/** What the broker holds, by whose rights the API server decides. */
export const ACCOUNT = "agent";

const certificates = makeAuthority();
const server = certificates.issue("IP:127.0.0.1");

export interface Through extends Rig {
  readonly url: string;
  readonly caPem: string;
  /** With a token that is worth nothing. */
  readonly kubeconfig: string;
  kubectl(args: readonly string[], more?: { stdin?: string; signal?: AbortSignal }): Promise<KubectlResult>;
}

export interface ThroughOptions extends Omit<RigOptions, "policies" | "connection"> {
  readonly rules?: object;
  readonly token: string;
  readonly connection?: object;
}

/** `rules`: what policy says, but for whom and where. */
export async function through(
  context: TestContext,
  api: Pick<ApiTier, "url" | "pki">,
  { rules, token, connection, ...more }: ThroughOptions,
): Promise<Through> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-kubernetes-"));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, "ca.pem");
  writeFileSync(file, api.pki.caPem);
  const { hostname, port } = new URL(api.url);
  const rig = await startRig(context, {
    upstreamPort: Number(port),
    password: token,
    tls: server,
    connection: {
      protocol: "kubernetes",
      address: { host: hostname, port: Number(port) },
      tls: { ca: { file } },
      postgres: undefined,
      kubernetes: {},
      ...connection,
    },
    policies: [policy(rules)],
    ...more,
  });
  const url = `https://127.0.0.1:${rig.port}`;
  const kubeconfig = join(folder, "kubeconfig");
  writeFileSync(kubeconfig, JSON.stringify(configOf(url)));
  const own = {
    url,
    caPem: certificates.certPem,
    kubeconfig,
    kubectl: (args: readonly string[], extra: object = {}) => kubectl(args, { kubeconfig, ...extra }),
  };
  return Object.assign(rig, own);
}

function configOf(server: string): object {
  const authority = Buffer.from(certificates.certPem).toString("base64");
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "c", cluster: { server, "certificate-authority-data": authority } }],
    users: [{ name: "u", user: { token: "sallyport.dev/this-is-no-token" } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
}

/** A service account that may do everything in its namespace, and a token of it: what policy lets through is what counts. */
export async function accountIn(api: ApiTier, namespace: string): Promise<string> {
  const run = async (...args: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await api.kubectl([...args, "--namespace", namespace]);
    if (code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${stderr}`);
    return stdout.trim();
  };
  await run("create", "serviceaccount", ACCOUNT);
  await run(
    "create",
    "clusterrolebinding",
    `${namespace}-agent`,
    "--clusterrole=cluster-admin",
    `--serviceaccount=${namespace}:${ACCOUNT}`,
  );
  return run("create", "token", ACCOUNT);
}
