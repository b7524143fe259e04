/**
 * Variables that tell programs whom to trust: the bundle that the gateway writes before any container of the pod starts. What a
 * container says itself stays; what its image says is hidden from admission, and ours comes before it.
 */
import type { V1EnvVar } from "@kubernetes/client-node";
import { CA_FILE } from "../../names.ts";
import type { AnyContainer } from "./view.ts";

/** Each names a file of certificates in PEM. None names a folder: programs go on with those of their image beside it. */
export const TRUST_VARIABLES = [
  "AWS_CA_BUNDLE",
  "CARGO_HTTP_CAINFO",
  "CLOUDSDK_CORE_CUSTOM_CA_CERTS_FILE",
  "CURL_CA_BUNDLE",
  "DENO_CERT",
  "GIT_SSL_CAINFO",
  "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH",
  "HTTPLIB2_CA_CERTS",
  "NIX_SSL_CERT_FILE",
  "NODE_EXTRA_CA_CERTS",
  "NPM_CONFIG_CAFILE",
  "PGSSLROOTCERT",
  "PIP_CERT",
  "REQUESTS_CA_BUNDLE",
  "SSL_CERT_FILE",
] as const;

const NAMES: ReadonlySet<string> = new Set(TRUST_VARIABLES);

const isOurs = ({ name, value }: V1EnvVar): boolean => NAMES.has(name) && value === CA_FILE;

export function withTrust(env: readonly V1EnvVar[]): V1EnvVar[] {
  const said = new Set(env.map(({ name }) => name));
  const missing = TRUST_VARIABLES.filter((name) => !said.has(name));
  return [...env, ...missing.map((name) => ({ name, value: CA_FILE }))];
}

export function withoutTrust<C extends AnyContainer>(container: C): C {
  const kept = container.env?.filter((variable) => !isOurs(variable));
  if (kept === undefined || kept.length === container.env?.length) return container;
  if (kept.length > 0) return { ...container, env: kept };
  const { env: _none, ...rest } = container;
  return rest as C;
}
