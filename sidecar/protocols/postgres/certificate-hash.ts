/** The hash of a server's certificate that `tls-server-end-point` binds SCRAM to (RFC 5929 §4.1). */
import { createHash, X509Certificate } from "node:crypto";
import type { TLSSocket } from "node:tls";

/** Undefined when the certificate's signature names no single hash, as Ed25519 does: then nothing can be bound. */
export function certificateHash(socket: TLSSocket): Buffer | undefined {
  const raw = socket.getPeerX509Certificate()?.raw;
  if (raw === undefined) return undefined;
  const algorithm = hashName(new X509Certificate(raw).signatureAlgorithm ?? "");
  return algorithm === undefined ? undefined : createHash(algorithm).update(raw).digest();
}

/** MD5 and SHA-1 are replaced by SHA-256; any other hash is used itself. */
function hashName(signatureAlgorithm: string): string | undefined {
  const name = /(md5|sha-?1|sha-?224|sha-?256|sha-?384|sha-?512)(?!\d)/i
    .exec(signatureAlgorithm)?.[1]
    ?.toLowerCase()
    .replace("-", "");
  return name === "md5" || name === "sha1" ? "sha256" : name;
}
