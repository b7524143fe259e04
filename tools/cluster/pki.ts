/** The certificates of one cluster: made anew at each start, which takes milliseconds, and gone with it. */
import { generateKeyPairSync } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import {
  type Certified,
  makeAuthority,
  makeCertificate,
  makeClientCertificate,
} from "#runtime/certificate/make.ts";

export interface Pki {
  readonly caPem: string;
  /** For a server of the cluster or of a test (a webhook): host names and addresses. */
  server(...names: readonly string[]): Certified;
  /** Whoever the API server is to take a client for. */
  client(user: string, groups?: readonly string[]): Certified;
  /** Signs the tokens of service accounts. */
  readonly tokenKey: { readonly privatePem: string; readonly publicPem: string };
}

/** Longer than anybody leaves a cluster standing, since nothing renews them. */
const VALID_MS = 3 * 365 * 24 * 60 * 60_000;

export function makePki(nowMs: number = Date.now()): Pki {
  const authority = makeAuthority("cluster of a test", nowMs, VALID_MS);
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  return {
    caPem: authority.certificatePem,
    server: (...names) => makeCertificate(authority, names, nowMs, VALID_MS),
    client: (commonName, organizations = []) =>
      makeClientCertificate(authority, { commonName, organizations }, nowMs, VALID_MS),
    tokenKey: {
      privatePem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      publicPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    },
  };
}

/** The files that an API server is started with. */
export interface PkiFiles {
  readonly ca: string;
  readonly serverCertificate: string;
  readonly serverKey: string;
  readonly tokenPrivateKey: string;
  readonly tokenPublicKey: string;
}

/** `names`: what clients call the API server. */
export async function writePki(pki: Pki, folder: string, names: readonly string[]): Promise<PkiFiles> {
  const server = pki.server(...names);
  const contents: Record<keyof PkiFiles, string> = {
    ca: pki.caPem,
    serverCertificate: server.certificatePem,
    serverKey: server.keyPem,
    tokenPrivateKey: pki.tokenKey.privatePem,
    tokenPublicKey: pki.tokenKey.publicPem,
  };
  const files: PkiFiles = {
    ca: `${folder}/ca.crt`,
    serverCertificate: `${folder}/server.crt`,
    serverKey: `${folder}/server.key`,
    tokenPrivateKey: `${folder}/token.key`,
    tokenPublicKey: `${folder}/token.pub`,
  };
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const name of Object.keys(contents) as (keyof PkiFiles)[])
    await writeFile(files[name], contents[name], { mode: 0o600 });
  return files;
}
