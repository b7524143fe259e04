/** Pipelines that the API server knows by an OpenID Connect issuer, as a cluster has it for its forge. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubernetesObject } from "@kubernetes/client-node";
import { SignJWT, importJWK } from "jose";
import type { Flags } from "#tools/cluster/control-plane.ts";
import type { NodeTier } from "#tools/cluster/node/node-tier.ts";
import { type Issuer, startIssuer } from "#tools/oidc/issuer.ts";
import { makeAuthority } from "#test/support/certificates.ts";
import { until } from "./until.ts";

const AUDIENCE = "https://kubernetes.test";
const PREFIX = "ci:";
const SUBJECT = "repo:acme/orders";
/** As the API server calls it. */
export const PIPELINE = `${PREFIX}${SUBJECT}`;
/** What the release is told of them. */
export const ROOTS = [{ userPrefix: PREFIX, kind: "ci" }] as const;

export interface Pipelines extends AsyncDisposable {
  /** For the API server that is to trust them, before it starts. */
  readonly flags: Flags;
  /** Resolves when it does. */
  known(node: NodeTier): Promise<Pipeline>;
}

export interface Pipeline {
  readonly token: string;
  create(...items: readonly KubernetesObject[]): Promise<void>;
}

/** What the server trusts it reads anew when the file changes: where the issuer is can be told when there is a network. */
export async function openPipelines(): Promise<Pipelines> {
  await using opened = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), "sallyport-pipelines-"));
  opened.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, "authentication.json");
  await writeFile(file, JSON.stringify(trusting()));
  const owned = opened.move();
  return {
    flags: { "authentication-config": file },
    async known(node) {
      const authority = makeAuthority();
      const tls = authority.issue(`IP:${node.hostAddress}`);
      const issuer = owned.use(await startIssuer({ host: node.hostAddress, tls }));
      await writeFile(file, JSON.stringify(trusting({ url: issuer.issuer, ca: authority.certPem })));
      const as = pipelineOf(node, await tokenOf(issuer));
      await until("the API server knows the pipeline", async () => (await as.name()) === PIPELINE);
      return as;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function pipelineOf(node: NodeTier, token: string): Pipeline & { name(): Promise<string> } {
  const kubectl = (words: readonly string[], stdin = "") =>
    node.kubectl(
      [
        "--kubeconfig=/dev/null",
        `--server=${node.url}`,
        "--insecure-skip-tls-verify",
        `--token=${token}`,
        ...words,
      ],
      { stdin },
    );
  return {
    token,
    name: async () =>
      (await kubectl(["auth", "whoami", "--output=jsonpath={.status.userInfo.username}"])).stdout,
    async create(...items) {
      const list = JSON.stringify({ apiVersion: "v1", kind: "List", items });
      const { code, stderr } = await kubectl(["create", "--filename=-"], list);
      if (code !== 0) throw new Error(stderr);
    },
  };
}

/** As a forge gives it to a job, with the key that the API server finds at the issuer. */
async function tokenOf({ issuer, keys }: Issuer): Promise<string> {
  const [key] = keys;
  if (key?.alg === undefined || key.kid === undefined) throw new TypeError("the issuer has no key");
  return new SignJWT({ sub: SUBJECT })
    .setProtectedHeader({ alg: key.alg, kid: key.kid })
    .setIssuer(issuer)
    .setAudience(AUDIENCE)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(await importJWK(key));
}

function trusting(issuer?: { readonly url: string; readonly ca: string }): object {
  const jwt =
    issuer === undefined
      ? []
      : [
          {
            issuer: { url: issuer.url, certificateAuthority: issuer.ca, audiences: [AUDIENCE] },
            claimMappings: { username: { claim: "sub", prefix: PREFIX } },
          },
        ];
  return { apiVersion: "apiserver.config.k8s.io/v1beta1", kind: "AuthenticationConfiguration", jwt };
}
