/**
 * What one replica of the broker says of itself, as one Lease object: which policies its gateways apply, which credentials and keys it
 * can get, and what its gateways' plans have no room for. Metadata alone, and bounded. Pure; written by the broker, read by the operator.
 */
import type { KeysFinding } from "#broker/identity/keys.ts";
import { GROUP } from "#operator/names.ts";
import type { Lease } from "../kube/resource.ts";

export const RECORD_LABEL = `${GROUP}/record`;
export const REPORT = "report";
export const REPORT_SELECTOR = `${RECORD_LABEL}=${REPORT}`;
/** How often a replica says that it is there, and after how long what it said counts no more. */
export const REPORT_EVERY_MS = 5_000;
export const REPORT_STALE_MS = 20_000;
/** Then its gateways have gone elsewhere, or are gone. */
export const REPORT_OVER_MS = 90_000;

export interface PolicyReport {
  readonly generation: number;
  /** Gateways that apply this version, of those that it concerns. */
  readonly applied: number;
  readonly concerned: number;
}

export const CREDENTIAL_FINDINGS = [
  "available",
  "missing",
  "not-permitted",
  "unusable",
  "unavailable",
] as const;
export type CredentialFinding = (typeof CREDENTIAL_FINDINGS)[number];

export interface CredentialReport {
  readonly generation: number;
  readonly finding: CredentialFinding;
}

export const KEYS_FINDINGS = ["available", "kept", "unavailable"] as const satisfies readonly KeysFinding[];

export interface KeysReport {
  readonly generation: number;
  readonly finding: KeysFinding;
}

/** Of a Connection, or of a policy that speaks of such. */
export interface LeftOutReport {
  readonly generation: number;
  /** Classes of gateways whose plans have no room for it. */
  readonly classes: number;
}

export interface Report {
  /** By uid; what is in none of them is not known. */
  readonly policies: ReadonlyMap<string, PolicyReport>;
  readonly credentials: ReadonlyMap<string, CredentialReport>;
  readonly keys: ReadonlyMap<string, KeysReport>;
  readonly leftOut: ReadonlyMap<string, LeftOutReport>;
}

const ANNOTATIONS = {
  policies: `${GROUP}/policies`,
  credentials: `${GROUP}/credentials`,
  keys: `${GROUP}/keys`,
  leftOut: `${GROUP}/left-out`,
} as const;
/** An object may have 256 KiB of annotations. */
const ENTRIES_MAX = 1_000;

/** Annotations: the same text is the same report. */
export function encodeReport({
  policies,
  credentials,
  keys,
  leftOut,
}: Report): Readonly<Record<string, string>> {
  const first = <Value>(map: ReadonlyMap<string, Value>) =>
    [...map].toSorted(([a], [b]) => (a < b ? -1 : 1)).slice(0, ENTRIES_MAX);
  return {
    [ANNOTATIONS.policies]: JSON.stringify(
      first(policies).map(([uid, { generation, applied, concerned }]) => [
        uid,
        generation,
        applied,
        concerned,
      ]),
    ),
    [ANNOTATIONS.credentials]: JSON.stringify(
      first(credentials).map(([uid, { generation, finding }]) => [uid, generation, finding]),
    ),
    [ANNOTATIONS.keys]: JSON.stringify(
      first(keys).map(([uid, { generation, finding }]) => [uid, generation, finding]),
    ),
    [ANNOTATIONS.leftOut]: JSON.stringify(
      first(leftOut).map(([uid, { generation, classes }]) => [uid, generation, classes]),
    ),
  };
}

/** What cannot be read is left out, and so is not known. */
export function decodeReport({ metadata: { annotations = {} } }: Lease): Report {
  const policies = new Map<string, PolicyReport>();
  for (const [uid, generation, applied, concerned] of entriesIn(annotations[ANNOTATIONS.policies]))
    if (typeof uid === "string" && isCount(generation) && isCount(applied) && isCount(concerned))
      policies.set(uid, { generation, applied, concerned });
  const credentials = new Map<string, CredentialReport>();
  for (const [uid, generation, word] of entriesIn(annotations[ANNOTATIONS.credentials])) {
    const finding = CREDENTIAL_FINDINGS.find((known) => known === word);
    if (typeof uid === "string" && isCount(generation) && finding !== undefined)
      credentials.set(uid, { generation, finding });
  }
  const keys = new Map<string, KeysReport>();
  for (const [uid, generation, word] of entriesIn(annotations[ANNOTATIONS.keys])) {
    const finding = KEYS_FINDINGS.find((known) => known === word);
    if (typeof uid === "string" && isCount(generation) && finding !== undefined)
      keys.set(uid, { generation, finding });
  }
  const leftOut = new Map<string, LeftOutReport>();
  for (const [uid, generation, classes] of entriesIn(annotations[ANNOTATIONS.leftOut]))
    if (typeof uid === "string" && isCount(generation) && isCount(classes))
      leftOut.set(uid, { generation, classes });
  return { policies, credentials, keys, leftOut };
}

function entriesIn(text: string | undefined): readonly (readonly unknown[])[] {
  let json: unknown;
  try {
    json = JSON.parse(text ?? "[]");
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return [];
  }
  return Array.isArray(json) ? json.filter((entry) => Array.isArray(entry)) : [];
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isInteger(value) && value >= 0;
