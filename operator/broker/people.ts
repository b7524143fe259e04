/** Who a person is, as the API server wrote it beside their key, and what the cluster's authorizers let them do. */
import type { People, Person, Unknown } from "#broker/api/people/people.ts";
import { PEOPLE_SECONDS, PEOPLE_SIGNER, requestNameOf } from "#core/port/people.ts";
import { GROUP } from "#operator/names.ts";
import type { Kube } from "../kube/client.ts";
import { isRecord } from "../kube/error.ts";
import { CERTIFICATE_REQUESTS, SUBJECT_ACCESS_REVIEWS, objectKey } from "../kube/resource.ts";

export interface PeopleOptions {
  readonly kube: Pick<Kube, "get" | "post">;
  readonly examine: People["examine"];
  readonly nowMs: () => number;
}

const DEADLINE_MS = 3_000;
/** The API server's clock may be ahead of ours. */
const AHEAD_MS_MAX = 60_000;
const VOID: readonly unknown[] = ["Denied", "Failed"];

export function kubernetesPeople({ kube, examine, nowMs }: PeopleOptions): People {
  return {
    examine,
    async who(key, signal) {
      const request = await kube.get(CERTIFICATE_REQUESTS, objectKey(undefined, requestNameOf(key)), {
        signal,
        deadlineMs: DEADLINE_MS,
      });
      return request === undefined ? NOBODY : personIn(request, nowMs());
    },
    async may({ name, uid, groups, extra }, { verb, resource, namespace }, signal) {
      const resourceAttributes = { group: GROUP, resource, verb, ...(namespace && { namespace }) };
      const spec = { user: name, uid, groups, extra, resourceAttributes };
      const review = await kube.post(
        { resource: SUBJECT_ACCESS_REVIEWS },
        { spec },
        { signal, deadlineMs: DEADLINE_MS },
      );
      const status = isRecord(review) ? review["status"] : undefined;
      return isRecord(status) && status["allowed"] === true && status["denied"] !== true;
    },
  };
}

const NOBODY: Unknown = {
  problem: `no CertificateSigningRequest for ${PEOPLE_SIGNER} is called after the key that was shown`,
};

/**
 * Pure. What is in `spec` beside the request is the API server's own: it writes down who created the object, and lets nobody
 * change it.
 */
export function personIn(request: unknown, nowMs: number): Person | Unknown {
  const { metadata, spec, status } = isRecord(request) ? request : {};
  if (!isRecord(metadata) || !isRecord(spec) || spec["signerName"] !== PEOPLE_SIGNER) return NOBODY;
  const madeMs = Date.parse(String(metadata["creationTimestamp"]));
  const ageMs = nowMs - madeMs;
  // Not a number is no age either.
  if (!(ageMs >= -AHEAD_MS_MAX && ageMs < PEOPLE_SECONDS * 1_000))
    return { problem: `the CertificateSigningRequest is older than ${PEOPLE_SECONDS} seconds` };
  const conditions = isRecord(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
  if (conditions.some((condition) => isRecord(condition) && VOID.includes(condition["type"])))
    return { problem: "the CertificateSigningRequest was denied" };
  const { username, uid } = spec;
  if (typeof username !== "string" || username === "") return NOBODY;
  return {
    name: username,
    ...(typeof uid === "string" && uid !== "" ? { uid } : {}),
    groups: textsIn(spec["groups"]),
    extra: extraIn(spec["extra"]),
  };
}

function textsIn(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
}

function extraIn(value: unknown): Person["extra"] {
  if (!isRecord(value)) return {};
  return Object.fromEntries(Object.entries(value).map(([key, values]) => [key, textsIn(values)]));
}
