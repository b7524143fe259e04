/** What the broker is told by files, made ready for use. Nothing here opens anything: files are read by the caller. */
import { createHash } from "node:crypto";
import type { CertificateAuthority, Connection, IdentityProvider } from "#core/api/kinds.gen.ts";
import type { Loaded, PolicySource } from "#core/api/loaded.ts";
import { carryForward } from "#core/policy/carry-forward.ts";
import { compile } from "#core/policy/compile.ts";
import { DEFAULT_NAMESPACE } from "#core/policy/connection-selector.ts";
import type { ConnectionRef } from "#core/policy/facts.ts";
import type { Plan } from "#core/policy/plan.ts";
import type { ConnectionView, PlanPush } from "#core/port/port.ts";
import type { AmbientSettings } from "./identity/ambient/index.ts";
import type { Provider } from "./identity/verifier.ts";
import type { Upstream } from "./sources/source.ts";

export type ListenerIdentity =
  /** Whoever reaches the listener is its one subject. */
  | ({ readonly kind: "ambient" } & AmbientSettings)
  /** Every client brings a token of its own, of one of these identity providers. */
  | { readonly kind: "perClient"; readonly providers: readonly string[] };

export interface BrokerConfig {
  readonly loaded: Loaded;
  /** By the listener's name. */
  readonly listeners: Readonly<Record<string, ListenerIdentity>>;
  /** PEM of every `ca` of a kind, by `authorityKey`; what cannot be read is absent. */
  readonly authorities: ReadonlyMap<string, string>;
  /** Whose `ca` may be: of this host's files, or of a cluster's objects. Absent: of files. */
  readonly authoritiesIn?: "files" | "cluster";
  /** Of what a cluster-wide kind names. */
  readonly systemNamespace?: string;
  /** PEM: whom the broker itself takes for the API server of its cluster. */
  readonly apiServerPem?: string | undefined;
}

/** Where a certificate authority is, as a text. `namespace`: that of its objects. */
export function authorityKey(ca: CertificateAuthority, namespace: string): string {
  const { file, configMap, secret } = ca;
  if (file !== undefined) return file;
  const [kind, { name = "", key = "" }] =
    secret === undefined ? ["ConfigMap", configMap ?? {}] : ["Secret", secret];
  return `${kind} ${namespace}/${name}, key ${key}`;
}

/** Something that a kind asks for and that cannot be had; what depends on it refuses until it can. */
export interface ConfigProblem {
  readonly kind: "Connection" | "IdentityProvider";
  readonly name: string;
  readonly why: string;
}

export interface Prepared {
  readonly plan: Plan;
  readonly push: PlanPush;
  readonly policies: readonly PolicySource[];
  readonly upstreams: ReadonlyMap<string, Upstream>;
  readonly providers: readonly Provider[];
  readonly problems: readonly ConfigProblem[];
}

/** `previous`: the policies that were in force, of which the last good versions outlive a bad edit. */
export function prepare(config: BrokerConfig, previous: readonly PolicySource[]): Prepared {
  const { loaded } = config;
  const problems: ConfigProblem[] = [];
  const policies = carryForward(previous, loaded.policies);
  const connections: Connection[] = [];
  const upstreams = new Map<string, Upstream>();
  for (const found of loaded.connections) {
    const connection = inNamespace(found);
    const ref = refOf(connection);
    const authority = isForOwnCluster(connection)
      ? apiServer(config)
      : resolve(connection.spec.tls?.ca, ref.namespace, config);
    if (authority.why !== undefined) {
      problems.push({ kind: "Connection", name: keyOf(ref), why: authority.why });
      continue;
    }
    connections.push(connection);
    upstreams.set(keyOf(ref), { ref, spec: connection.spec, ...authority.found });
  }
  const views = connections.map((connection) => viewOf(connection, upstreams));
  return {
    plan: compile({ connections, policies }),
    push: { kind: "plan", version: versionOf(views, policies), connections: views, policies },
    policies,
    upstreams,
    providers: loaded.identityProviders.map((provider) => providerOf(provider, config, problems)),
    problems,
  };
}

export function keyOf({ namespace, name }: ConnectionRef): string {
  return `${namespace === "" ? DEFAULT_NAMESPACE : namespace}/${name}`;
}

export function refOf({ metadata }: Pick<Connection, "metadata">): ConnectionRef {
  return { namespace: metadata.namespace ?? DEFAULT_NAMESPACE, name: metadata.name };
}

function inNamespace(connection: Connection): Connection {
  const { metadata } = connection;
  return { ...connection, metadata: { ...metadata, namespace: metadata.namespace ?? DEFAULT_NAMESPACE } };
}

type Authority =
  | { readonly found: { readonly caPem?: string }; readonly why?: undefined }
  | { readonly why: string };

/** A named authority that is missing never means the system's roots: those trust far more. */
function resolve(
  ca: CertificateAuthority | undefined,
  namespace: string,
  { authorities, authoritiesIn = "files" }: BrokerConfig,
): Authority {
  if (ca === undefined) return { found: {} };
  const isFile = ca.file !== undefined;
  if (!isFile && authoritiesIn === "files")
    return { why: "its ca is in a cluster, and the standalone gateway reads files only" };
  if (isFile && authoritiesIn === "cluster")
    return { why: "its ca is a file of the broker's host, of which nothing is read in a cluster" };
  const key = authorityKey(ca, namespace);
  const caPem = authorities.get(key);
  if (caPem !== undefined) return { found: { caPem } };
  return { why: isFile ? `its ca file ${key} cannot be read` : `its ca, ${key}, cannot be read` };
}

/**
 * Tokens of the cluster go to its API server and to nobody else, wherever a Connection leads: who has written it may be the master of
 * another host, and of other pods than those whose tokens they are.
 */
function isForOwnCluster({ spec }: Pick<Connection, "spec">): boolean {
  return spec.credential.source?.kubernetesToken !== undefined;
}

/** Every API server answers to it, whatever else it is called. */
const API_SERVER_NAME = "kubernetes.default.svc";

function apiServer({ apiServerPem }: BrokerConfig): Authority {
  return apiServerPem === undefined
    ? { why: "its credential is of the cluster that the broker is in, and it is in none" }
    : { found: { caPem: apiServerPem } };
}

/** What the data plane may know: where to go and whom to trust; of the credential only whether there is one. */
function viewOf({ metadata, spec }: Connection, upstreams: ReadonlyMap<string, Upstream>): ConnectionView {
  const { protocol, address, reachedAs, tls, credential, trail } = spec;
  const { [protocol]: particulars } = spec;
  const serverName = isForOwnCluster({ spec }) ? API_SERVER_NAME : tls?.serverName;
  const caPem = upstreams.get(keyOf({ namespace: metadata.namespace ?? "", name: metadata.name }))?.caPem;
  return {
    metadata,
    spec: {
      protocol,
      address,
      ...(reachedAs === undefined ? {} : { reachedAs }),
      ...(particulars === undefined ? {} : { [protocol]: particulars }),
      ...(credential.mode === "none" ? { credential: "none" } : {}),
      ...(trail === undefined ? {} : { trail }),
      tls: {
        mode: tls?.mode ?? "verify-full",
        ...(serverName === undefined ? {} : { serverName }),
        ...(caPem === undefined ? {} : { caPem }),
      },
    },
  };
}

function providerOf(
  { metadata, spec }: IdentityProvider,
  config: BrokerConfig,
  problems: ConfigProblem[],
): Provider {
  const { ca, ...rest } = spec;
  const authority = resolve(ca, config.systemNamespace ?? DEFAULT_NAMESPACE, config);
  if (authority.why === undefined) return { name: metadata.name, ...rest, ...authority.found };
  problems.push({ kind: "IdentityProvider", name: metadata.name, why: authority.why });
  return {
    name: metadata.name,
    ...rest,
    unusable: `the identity provider ${metadata.name} cannot be used now`,
  };
}

/** The same version is the same content, across restarts and brokers. */
export function versionOf(connections: readonly ConnectionView[], policies: readonly PolicySource[]): string {
  const text = JSON.stringify([connections, policies]);
  return createHash("sha256").update(text).digest("base64url").slice(0, 22);
}
