/** The broker's certificate authorities in a Secret that only its replicas read. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import type { AuthorityRecord } from "#broker/authority/record.ts";
import type { AuthorityStore, StoredAuthority } from "#broker/authority/store.ts";
import type { Certified } from "#runtime/certificate/make.ts";
import type { Kube } from "../kube/client.ts";
import { isAlreadyThere, isConflict, isNotFound, isRecord } from "../kube/error.ts";
import { SECRETS, type Secret, objectKey } from "../kube/resource.ts";

export interface AuthoritySecretOptions {
  readonly kube: Pick<Kube, "get" | "create" | "update">;
  readonly namespace: string;
  readonly name: string;
}

const MEMBER = "authorities.json";
const DEADLINE_MS = 5_000;

export function authoritySecret({ kube, namespace, name }: AuthoritySecretOptions): AuthorityStore {
  const place = objectKey(namespace, name);
  return {
    async load(signal): Promise<StoredAuthority | undefined> {
      const secret = await kube.get(SECRETS, place, { signal, deadlineMs: DEADLINE_MS });
      if (secret === undefined) return undefined;
      return { record: recordIn(secret, place), version: secret.metadata.resourceVersion ?? "" };
    },
    async store(record, replacing, signal) {
      const call = { signal, deadlineMs: DEADLINE_MS };
      const data = { [MEMBER]: Buffer.from(JSON.stringify(record)).toString("base64") };
      try {
        if (replacing === undefined)
          await kube.create(SECRETS, { metadata: { name, namespace }, data }, call);
        else {
          // With its version: refused when another replica has written since.
          const metadata = { name, namespace, resourceVersion: replacing.version };
          await kube.update(SECRETS, { metadata, data }, call);
        }
        return true;
      } catch (error) {
        if (isAlreadyThere(error) || isConflict(error) || isNotFound(error)) return false;
        throw error;
      }
    },
  };
}

/** Throws when it is not as we write it: to make another would lock out every gateway that trusts the old one. */
function recordIn({ data }: Secret, place: string): AuthorityRecord {
  const json: unknown = JSON.parse(Buffer.from(data?.[MEMBER] ?? "null", "base64").toString() || "null");
  const [first, ...others] = Array.isArray(json) ? (json as unknown[]) : [];
  if (!isCertified(first) || !others.every(isCertified))
    throw new TypeError(`Secret ${place} holds no authority of ours: remove it to have another one made`);
  return [first, ...others];
}

function isCertified(value: unknown): value is Certified {
  if (!isRecord(value)) return false;
  const { certificatePem, keyPem } = value;
  if (typeof certificatePem !== "string" || typeof keyPem !== "string") return false;
  const certificate = new X509Certificate(certificatePem);
  return certificate.ca && certificate.checkPrivateKey(createPrivateKey(keyPem));
}
