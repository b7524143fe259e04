/**
 * Certificate authorities of upstreams and identity providers, where a cluster keeps them. Only certificates are taken out of what is
 * there: they go on to gateways, and whoever names a Secret with a key in it must not have it sent to a pod.
 */
import { X509Certificate } from "node:crypto";
import { authorityKey } from "#broker/config.ts";
import type { CertificateAuthority } from "#core/api/kinds.gen.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { type Log, errorFields } from "#runtime/log.ts";
import type { Call, Kube } from "../kube/client.ts";
import { KubeError } from "../kube/error.ts";
import { CONFIG_MAPS, SECRETS, objectKey } from "../kube/resource.ts";

export interface AuthoritiesOptions {
  readonly kube: Pick<Kube, "get">;
  /** Of what cluster-wide kinds name. */
  readonly systemNamespace: string;
  readonly log: Log;
}

const CERTIFICATES_MAX = 256;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----/g;

/** By `authorityKey`; what is not there, or holds no certificate, is absent. Rejects when the API server cannot be asked. */
export async function readAuthorities(
  { connections, identityProviders }: Loaded,
  options: AuthoritiesOptions,
  call: Call,
): Promise<ReadonlyMap<string, string>> {
  const named = new Map<string, readonly [CertificateAuthority, string]>();
  const add = (ca: CertificateAuthority | undefined, namespace: string): void => {
    if (ca !== undefined && ca.file === undefined) named.set(authorityKey(ca, namespace), [ca, namespace]);
  };
  for (const { metadata, spec } of connections) add(spec.tls?.ca, metadata.namespace ?? "");
  for (const { spec } of identityProviders) add(spec.ca, options.systemNamespace);
  const found = await Promise.all(
    [...named].map(
      async ([key, [ca, namespace]]) => [key, await readOne(ca, namespace, options, call)] as const,
    ),
  );
  return new Map(found.flatMap(([key, pem]) => (pem === undefined ? [] : [[key, pem] as const])));
}

async function readOne(
  ca: CertificateAuthority,
  namespace: string,
  { kube, log }: AuthoritiesOptions,
  call: Call,
): Promise<string | undefined> {
  try {
    return certificatesIn(await textOf(ca, namespace, kube, call));
  } catch (error) {
    // Where the broker has no rights, there is nothing to be had, and it is no fault of the API server's.
    if (!(error instanceof KubeError) || error.status !== 403) throw error;
    log.warn("a certificate authority may not be read", errorFields(error));
    return undefined;
  }
}

async function textOf(
  { configMap, secret }: CertificateAuthority,
  namespace: string,
  kube: Pick<Kube, "get">,
  call: Call,
): Promise<string | undefined> {
  if (secret !== undefined) {
    const found = await kube.get(SECRETS, objectKey(namespace, secret.name), call);
    return Buffer.from(own(found?.data, secret.key) ?? "", "base64").toString("latin1");
  }
  if (configMap === undefined) return undefined;
  const found = await kube.get(CONFIG_MAPS, objectKey(namespace, configMap.name), call);
  return own(found?.data, configMap.key);
}

/** Undefined when there is none, or anything that looks like one and is not. */
export function certificatesIn(text = ""): string | undefined {
  const blocks = text.match(CERTIFICATE) ?? [];
  if (blocks.length === 0 || blocks.length > CERTIFICATES_MAX) return undefined;
  try {
    return blocks.map((block) => new X509Certificate(block).toString()).join("");
  } catch (error) {
    if (!(error instanceof Error && "code" in error)) throw error;
    return undefined;
  }
}

function own(data: Readonly<Record<string, string>> | undefined, key: string): string | undefined {
  return data !== undefined && Object.hasOwn(data, key) ? data[key] : undefined;
}
