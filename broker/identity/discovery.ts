/** From an issuer's URL to the keys it signs with (OpenID Connect Discovery 1.0, section 4). */
import { type LocalJWKSet, createLocalJWKSet } from "jose";
import { type HttpGet, isFetchable, isLoopback } from "./http.ts";
import { type JsonObject, readObject } from "./json.ts";

const DOCUMENT_BYTES_MAX = 256 * 1024;
const TIMEOUT_MS = 5_000;
const KEYS_MAX = 64;

export interface Issuer {
  readonly issuer: string;
  readonly caPem?: string;
}

/** Says what is wrong with what an issuer published; safe to log. */
export class DiscoveryFailed extends Error {
  override readonly name = "DiscoveryFailed";
}

export async function fetchKeys(from: Issuer, get: HttpGet): Promise<LocalJWKSet> {
  const issuer = new URL(from.issuer);
  const place = new URL(`${from.issuer.replace(/\/$/, "")}/.well-known/openid-configuration`);
  const document = await fetchDocument(place, from, get);
  // Section 4.3: letter for letter, or one issuer could publish keys for another.
  if (document["issuer"] !== from.issuer)
    throw new DiscoveryFailed(`${place.href} speaks for another issuer`);
  const jwksUri = readUrl(document["jwks_uri"]);
  if (jwksUri === undefined || !isFetchable(jwksUri) || (isLoopback(jwksUri) && !isLoopback(issuer))) {
    throw new DiscoveryFailed(`${place.href} names no usable jwks_uri`);
  }
  return readKeys(await fetchDocument(jwksUri, from, get), jwksUri);
}

async function fetchDocument(url: URL, { caPem }: Issuer, get: HttpGet): Promise<JsonObject> {
  const body = await get({
    url,
    bodyBytesMax: DOCUMENT_BYTES_MAX,
    timeoutMs: TIMEOUT_MS,
    ...(caPem === undefined ? {} : { caPem }),
  });
  const document = readObject(body);
  if (typeof document === "string") throw new DiscoveryFailed(`${url.href} ${document}`);
  return document;
}

function readUrl(value: unknown): URL | undefined {
  return typeof value === "string" ? (URL.parse(value) ?? undefined) : undefined;
}

/** Symmetric and private keys have no place in a published set: whoever can read it could sign with them. */
function readKeys({ keys }: JsonObject, url: URL): LocalJWKSet {
  if (!Array.isArray(keys)) throw new DiscoveryFailed(`${url.href} is not a key set`);
  if (keys.length > KEYS_MAX) throw new DiscoveryFailed(`${url.href} has more than ${KEYS_MAX} keys`);
  const usable = keys.filter(
    (key: unknown) => typeof key === "object" && key !== null && !("d" in key) && !("k" in key),
  );
  if (usable.length === 0) throw new DiscoveryFailed(`${url.href} holds no public key`);
  try {
    return createLocalJWKSet({ keys: usable });
  } catch (cause) {
    throw new DiscoveryFailed(`${url.href} is not a key set`, { cause });
  }
}
