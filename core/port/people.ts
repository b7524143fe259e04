/**
 * How a person shows the broker who they are, without handing it anything that it could use elsewhere: they have the API server
 * write their name beside a key, in a CertificateSigningRequest that is called after the key, and dial with that key.
 * docs/decisions/0035 says why.
 */
import { type KeyObject, createHash } from "node:crypto";

/** Nobody signs these: the request itself is the answer. */
export const PEOPLE_SIGNER = "sallyport.dev/people";
/** How long after it was made a request says who dials. */
export const PEOPLE_SECONDS = 600;

export const PEOPLE_PATHS = {
  sessions: "/v1/people/sessions",
  kill: "/v1/people/kill",
  pod: "/v1/people/pod",
  status: "/v1/people/status",
} as const;

/** What the request is called: nobody can have it say their name beside a key and use it with another. */
export function requestNameOf(publicKey: KeyObject): string {
  const spki = publicKey.export({ type: "spki", format: "der" });
  return `sallyport-people-${createHash("sha256").update(spki).digest("hex")}`;
}

/** What a right is called in the cluster: as `kubectl auth can-i VERB RESOURCE.sallyport.dev` has it. */
export interface Right {
  readonly verb: "get" | "list" | "delete";
  readonly resource: "sessions" | "brokers";
  /** Absent: in every namespace, or of what is in none. */
  readonly namespace?: string;
}
