/**
 * Why a pod gets nothing, and with which code, however it asks. A world makes each of these things happen: a model of a cluster, or
 * a real API server. A reason that is missing in one of them does not compile.
 */
import type { RefusalCode } from "#core/values/refusal.ts";

/** `exchange` and `renew` are the broker port's, `token` is `POST /oauth2/token`. */
export type Carrier = "exchange" | "renew" | "token";

export const EVERYWHERE: readonly Carrier[] = ["exchange", "renew", "token"];
/** Once a pod is enrolled its token is not shown again over the port. */
const WHERE_A_TOKEN_IS_SHOWN: readonly Carrier[] = ["token"];

interface Denial {
  readonly code: RefusalCode;
  readonly over: readonly Carrier[];
  /** It cannot be told now: a lease stays until its time is over. */
  readonly keepsLease?: true;
}

const everywhere = (code: RefusalCode): Denial => ({ code, over: EVERYWHERE });
const token = (code: RefusalCode): Denial => ({ code, over: WHERE_A_TOKEN_IS_SHOWN });

export const TOKEN_DENIALS = {
  "a token for another audience": token("IDENTITY_INVALID"),
  "a token that has expired": token("IDENTITY_INVALID"),
  "a token that nobody has made": token("IDENTITY_INVALID"),
  "the token of another pod": token("IDENTITY_INVALID"),
  "the token of an account, without a pod": token("IDENTITY_INVALID"),
} as const satisfies Record<string, Denial>;

export const POD_DENIALS = {
  "the pod is gone": everywhere("POD_ENDED"),
  "the pod is being deleted": everywhere("POD_ENDED"),
  "the pod has succeeded": everywhere("POD_ENDED"),
  "the pod has failed": everywhere("POD_ENDED"),
  "the pod is out of shape": everywhere("POD_UNTRUSTED"),
  "the namespace is no longer enforced": everywhere("POD_UNTRUSTED"),
  "the service account was made anew": everywhere("POD_ENDED"),
  "the service account may write our kinds": everywhere("POD_UNTRUSTED"),
  "nobody is known to have made the pod": everywhere("LINEAGE_UNKNOWN"),
  // A token has no session before it that could have been another's.
  "the pod is somebody else's by now": { code: "LINEAGE_CHANGED", over: ["exchange", "renew"] },
  "the pod has another address": everywhere("IDENTITY_INVALID"),
  "the cluster cannot be asked": { ...everywhere("POD_UNCHECKED"), keepsLease: true },
} as const satisfies Record<string, Denial>;

/** Of the broker alone: the same in any world. */
export const POLICY_DENIALS = {
  "no policy speaks of the pod": everywhere("DENY_NO_POLICY"),
  "a rule denies it": everywhere("DENY_RULE"),
  "the policy has expired": everywhere("DENY_NO_POLICY"),
  "the policy is broken and never was good": everywhere("DENY_POLICY_INVALID"),
  "there is no such connection": everywhere("DENY_UNKNOWN_CONNECTION"),
  "as many sessions are open as there may be": everywhere("LIMIT_CONCURRENT_SESSIONS"),
  "the broker stops": everywhere("SHUTTING_DOWN"),
} as const satisfies Record<string, Denial>;

export type TokenDenial = keyof typeof TOKEN_DENIALS;
export type PodDenial = keyof typeof POD_DENIALS;
export type PolicyDenial = keyof typeof POLICY_DENIALS;

/** One pod, enrolled, with a session that was identified and a lease of another. */
export interface Subject extends AsyncDisposable {
  /** `granted`, or the code of the refusal. */
  readonly ask: Readonly<Record<Carrier, (token?: Buffer) => Promise<string>>>;
  /** Whether the lease is still there. */
  isLeased(): Promise<boolean>;
}

/** A subject may get nothing afterwards; what is given back undoes it, for worlds that others share. */
export type Happening<Of extends Subject> = (subject: Of) => Promise<(() => Promise<void>) | undefined>;

export interface World<Of extends Subject> {
  subject(): Promise<Of>;
  readonly pods: Readonly<Record<PodDenial, Happening<Of>>>;
  /** The token that is shown instead of the pod's own. */
  readonly tokens: Readonly<Record<TokenDenial, (subject: Of) => Promise<Buffer>>>;
}
