/**
 * The keys that sign tokens, one for each day. They are derived from the broker's authority, which every replica has, so all
 * replicas sign with the same key and publish the same ones without a word to each other (docs/decisions/0034).
 */
import { type KeyObject, createECDH, createPrivateKey } from "node:crypto";
import { type JWK, calculateJwkThumbprint } from "jose";
import type { BrokerAuthority } from "../../authority/authority.ts";

export interface SigningKeys {
  /** Of today. */
  current(): Promise<SigningKey>;
  /** Everything that a token may be signed with that is still good, or soon will be. */
  published(): Promise<readonly JWK[]>;
}
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: KeyObject;
}
interface Derived extends SigningKey {
  readonly jwk: JWK;
}

export const KEY_MS = 24 * 60 * 60_000;
const LABEL = "sallyport/grant-signing/v1\0";
/** Order of P-256; 16 bytes more than it has make the remainder even (FIPS 186-5, A.2.1). */
const ORDER = BigInt("0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
const SCALAR_BYTES = 32;
const EXTRA_BYTES = 16;

export function signingKeys(authority: Pick<BrokerAuthority, "derive">, now: () => number): SigningKeys {
  const derived = new Map<string, Promise<Derived>>();

  /** Of one day, the signing authority's first. */
  function ofDay(day: number): readonly Promise<Derived>[] {
    return authority.derive(`${LABEL}${day}`, SCALAR_BYTES + EXTRA_BYTES).map((seed) => {
      const known = derived.get(seed.toString("base64url")) ?? keyOf(seed);
      derived.set(seed.toString("base64url"), known);
      return known;
    });
  }
  /** Forgets all that are of no use any more. */
  function around(day: number): readonly Promise<Derived>[] {
    const keys = [day - 1, day, day + 1].flatMap(ofDay);
    const wanted = new Set(keys);
    for (const [seed, key] of derived) if (!wanted.has(key)) derived.delete(seed);
    return keys;
  }
  const today = (): number => Math.floor(now() / KEY_MS);
  return {
    async current() {
      const [key] = ofDay(today());
      if (key === undefined) throw new Error("the broker has no authority to derive keys from");
      return key;
    },
    published: async () => (await Promise.all(around(today()))).map(({ jwk }) => jwk),
  };
}

async function keyOf(seed: Buffer): Promise<Derived> {
  const scalar = (BigInt(`0x${seed.toString("hex")}`) % (ORDER - 1n)) + 1n;
  const d = Buffer.from(scalar.toString(16).padStart(2 * SCALAR_BYTES, "0"), "hex");
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(d);
  // Uncompressed: one byte that says so, then both coordinates.
  const point = pair.getPublicKey();
  const x = point.subarray(1, 1 + SCALAR_BYTES).toString("base64url");
  const y = point.subarray(1 + SCALAR_BYTES).toString("base64url");
  const open = { kty: "EC", crv: "P-256", x, y };
  const privateKey = createPrivateKey({ key: { ...open, d: d.toString("base64url") }, format: "jwk" });
  d.fill(0);
  const kid = await calculateJwkThumbprint(open);
  return { kid, privateKey, jwk: { ...open, kid, alg: "ES256", use: "sig" } };
}
