/** The Secret that the authority lies in. Every replica may make or replace it; whoever is second takes what the first has made. */
import type { Call, Kube } from "../kube/client.ts";
import { isAlreadyThere, isConflict, isNotFound } from "../kube/error.ts";
import { type OwnerReference, SECRETS, type Secret, objectKey } from "../kube/resource.ts";
import { type AuthorityRecord, decodeRecord, encodeRecord, nextRecord } from "./record.ts";

export interface AuthoritySecret {
  readonly namespace: string;
  readonly name: string;
  /** With which it goes. */
  readonly owner: OwnerReference | undefined;
}

const ATTEMPTS_MAX = 5;
const TYPE = "kubernetes.io/tls";

/** What is in force after this: as stored, or newly made. `known`: what this process last saw. */
export async function keepAuthority(
  kube: Kube,
  place: AuthoritySecret,
  known: AuthorityRecord | undefined,
  nowMs: number,
  call: Call,
): Promise<AuthorityRecord> {
  for (let attempt = 1; ; attempt += 1) {
    const secret = await kube.get(SECRETS, objectKey(place.namespace, place.name), call);
    const stored = decodeRecord(secret?.data);
    const wanted = nextRecord(stored, known, nowMs);
    if (wanted === stored) return wanted;
    try {
      await store(kube, place, secret, wanted, call);
      return wanted;
    } catch (error) {
      const isLost = isAlreadyThere(error) || isConflict(error) || isNotFound(error);
      if (!isLost || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function store(
  kube: Kube,
  { namespace, name, owner }: AuthoritySecret,
  before: Secret | undefined,
  record: AuthorityRecord,
  call: Call,
): Promise<void> {
  const data = encodeRecord(record);
  if (before !== undefined) {
    await kube.update(SECRETS, { ...before, data }, call);
    return;
  }
  const ownerReferences = owner === undefined ? {} : { ownerReferences: [owner] };
  await kube.create(SECRETS, { metadata: { name, namespace, ...ownerReferences }, type: TYPE, data }, call);
}
