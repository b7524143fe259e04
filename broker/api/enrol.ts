/**
 * A pod's gateway becomes known: its token says which pod, the cluster says that the pod is alive and as it was admitted, the
 * connection comes from the pod's own address, and from then on one key speaks for the pod. Only then is it certified.
 */
import { type KeyObject, createPublicKey, verify } from "node:crypto";
import { type EnrolRequest, type Enrolled, enrolMessage, keyHash } from "#core/port/enrol.ts";
import { type Refusal, isRefusal, refusal } from "#core/values/refusal.ts";
import { isSameAddress } from "#runtime/address.ts";
import type { BrokerAuthority } from "../authority/authority.ts";
import type { Note } from "../note.ts";
import type { Cluster, LivePod, PodClaim } from "../pods/pods.ts";

export interface EnrolDeps {
  readonly cluster: Pick<Cluster, "review" | "inspect" | "pin">;
  readonly authority: Pick<BrokerAuthority, "certifyPod" | "bundlePem">;
  readonly note: Note;
}

/** `source`: the address that it is asked from. */
export async function enrol(
  request: EnrolRequest,
  source: string,
  { cluster, authority, note }: EnrolDeps,
  signal: AbortSignal,
): Promise<Enrolled | Refusal> {
  const key = provenKey(request);
  if (key === undefined) return refusal("IDENTITY_INVALID", "the key did not sign the token");
  const claim = await reviewed(request.token, cluster, signal);
  if (isRefusal(claim)) return told(claim, undefined);
  const pod = await cluster.inspect(claim, signal);
  if (isRefusal(pod)) return told(pod, claim);
  const elsewhere = notFrom(source, pod);
  if (elsewhere !== undefined) return told(elsewhere, claim);
  const pinned = await cluster.pin(pod, keyHash(key), signal);
  if (pinned !== undefined) return told(pinned, claim);
  const { certificatePem, expiresMs } = authority.certifyPod(claim.uid, key);
  note("pod.enrolled", { pod: `${claim.namespace}/${claim.name}`, uid: claim.uid, node: claim.nodeName });
  return { certificate: certificatePem, expiresMs };

  /** A token in the wrong hands shows here first, so every refusal is told to people. */
  function told(why: Refusal, of: PodClaim | undefined): Refusal {
    const who = of === undefined ? {} : { pod: `${of.namespace}/${of.name}`, uid: of.uid };
    note("pod.not-enrolled", { code: why.code, source, ...who });
    return why;
  }
}

async function reviewed(
  token: string,
  cluster: EnrolDeps["cluster"],
  signal: AbortSignal,
): Promise<PodClaim | Refusal> {
  const bytes = Buffer.from(token, "latin1");
  try {
    return await cluster.review(bytes, signal);
  } finally {
    bytes.fill(0);
  }
}

/** Why the pod cannot be who asks from there. */
export function notFrom(source: string, { ips }: Pick<LivePod, "ips">): Refusal | undefined {
  // Its node has not said yet where it is.
  if (ips.length === 0) return refusal("POD_UNCHECKED");
  if (ips.some((ip) => isSameAddress(ip, source))) return undefined;
  return refusal("IDENTITY_INVALID", "the token is presented from an address that is not its pod's");
}

/** The key that asks, if it has shown that it is there; undefined for any other than P-256. */
function provenKey({ token, publicKey, proof }: EnrolRequest): KeyObject | undefined {
  const key = p256Key(Buffer.from(publicKey, "base64url"));
  if (key === undefined) return undefined;
  return verify("sha256", enrolMessage(token), key, Buffer.from(proof, "base64url")) ? key : undefined;
}

function p256Key(der: Buffer): KeyObject | undefined {
  let key: KeyObject;
  try {
    key = createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    // Its one argument is bytes from outside: it fails for no other reason than that they are no key.
    return undefined;
  }
  return key.asymmetricKeyDetails?.namedCurve === "prime256v1" ? key : undefined;
}
