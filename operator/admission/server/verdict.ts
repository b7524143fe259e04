/** What a webhook makes of a review, and how that is answered. Nothing in an answer is signed, or worth having by forging the question. */
import type { PodFinding } from "../pod/contract.ts";

/** One thing that is wrong, in words that its author can act on: of a pod, or of one of our kinds, whose messages say the fix themselves. */
export type Finding = Omit<PodFinding, "fix"> & { readonly fix?: string };

/** RFC 6902, as far as we write it. */
export interface PatchOperation {
  readonly op: "add" | "remove" | "replace" | "test" | "move" | "copy";
  readonly path: string;
  readonly from?: string;
  readonly value?: unknown;
}

export type Verdict =
  | {
      readonly outcome: "allowed";
      /** Empty and absent alike leave the object as it is. */
      readonly patch?: readonly PatchOperation[];
      /** kubectl prints these to whoever asked. */
      readonly warnings?: readonly string[];
    }
  | {
      readonly outcome: "refused";
      readonly findings: readonly Finding[];
      readonly warnings?: readonly string[];
    }
  /** It could not be judged, and so it is not let through. Trying again may help. */
  | { readonly outcome: "unjudged"; readonly why: UnjudgedReason };

/** In the metrics by these names. */
export const UNJUDGED = {
  deadline: {
    code: 504,
    reason: "Timeout",
    text: "it could not be judged in time, and what is not judged is not admitted. Try again",
  },
  cluster: {
    code: 503,
    reason: "ServiceUnavailable",
    text: "what has to be known about its surroundings could not be read from the API server. Try again",
  },
  fault: {
    code: 500,
    reason: "InternalError",
    text: "the operator met a fault of its own; its log has more under this uid",
  },
  unexpected: {
    code: 400,
    reason: "BadRequest",
    text: "this webhook does not judge such objects: its webhook configuration was altered",
  },
} as const satisfies Record<string, { code: number; reason: string; text: string }>;
export type UnjudgedReason = keyof typeof UNJUDGED;

/** What people read of a long list; machines have all of it that fits in `causes`. */
export const FINDINGS_SHOWN_MAX = 10;
const CAUSES_MAX = 100;
const WARNINGS_MAX = 8;
/** The API server cuts at 256, and says no more than 4,096 in all. */
const WARNING_CHARACTERS_MAX = 240;

export interface Answer {
  readonly apiVersion: "admission.k8s.io/v1";
  readonly kind: "AdmissionReview";
  readonly response: {
    readonly uid: string;
    readonly allowed: boolean;
    readonly patchType?: "JSONPatch";
    readonly patch?: string;
    readonly warnings?: readonly string[];
    readonly status?: Status;
  };
}

/** meta.k8s.io/v1 Status, as kubectl and controllers read it. */
interface Status {
  readonly code: number;
  readonly reason: string;
  readonly message: string;
  readonly details?: {
    readonly causes: readonly { readonly reason: string; readonly message: string; readonly field: string }[];
  };
}

export function answerOf(uid: string, verdict: Verdict): Answer {
  return {
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid, ...responseOf(uid, verdict) },
  };
}

function responseOf(uid: string, verdict: Verdict): Omit<Answer["response"], "uid"> {
  switch (verdict.outcome) {
    case "allowed":
      return { allowed: true, ...patchOf(verdict.patch ?? []), ...warningsOf(verdict.warnings ?? []) };
    case "refused":
      return { allowed: false, status: refusal(verdict.findings), ...warningsOf(verdict.warnings ?? []) };
    case "unjudged": {
      const { code, reason, text } = UNJUDGED[verdict.why];
      return { allowed: false, status: { code, reason, message: `${text} (review ${uid})` } };
    }
  }
}

function patchOf(patch: readonly PatchOperation[]): Pick<Answer["response"], "patch" | "patchType"> {
  if (patch.length === 0) return {};
  return { patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") };
}

function warningsOf(warnings: readonly string[]): Pick<Answer["response"], "warnings"> {
  if (warnings.length === 0) return {};
  return { warnings: warnings.slice(0, WARNINGS_MAX).map((text) => text.slice(0, WARNING_CHARACTERS_MAX)) };
}

function refusal(findings: readonly Finding[]): Status {
  return {
    code: 403,
    reason: "Forbidden",
    message: textOf(findings),
    details: {
      causes: findings.slice(0, CAUSES_MAX).map(({ rule, field, message, fix }) => ({
        reason: rule,
        field,
        message: `${message}. Fix: ${fix}`,
      })),
    },
  };
}

/** One finding stands in the line of the error; more are a list below it. */
function textOf(findings: readonly Finding[]): string {
  const lines = findings
    .slice(0, FINDINGS_SHOWN_MAX)
    .map((finding) => (finding.field === "" ? words(finding) : `${finding.field}: ${words(finding)}`));
  const [only] = lines;
  if (only !== undefined && findings.length === 1) return only;
  const more = findings.length - lines.length;
  const rest = more > 0 ? [`… and ${more} more, all of them in the status of this answer`] : [];
  return [`${findings.length} things stand in the way`, ...lines.map((line) => `- ${line}`), ...rest].join(
    "\n",
  );
}

function words({ message, fix }: Finding): string {
  return fix === undefined ? message : `${message}. Fix: ${fix}`;
}
