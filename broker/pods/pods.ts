/**
 * What the broker has to know of a cluster, without knowing any of its objects: whose token that is, whether the pod is alive and
 * as it was admitted, which key speaks for it, and what a Secret holds. `operator/broker/` answers for Kubernetes.
 */
import type { Connection } from "#core/api/kinds.gen.ts";
import type { Ancestor, Caller, Identity } from "#core/policy/facts.ts";
import type { Refusal } from "#core/values/refusal.ts";
import type { SecretBytes } from "#core/values/secret.ts";
import type { Verified } from "../identity/verifier.ts";
import type { Agent, Lineage } from "../lineage/lineage.ts";

/** Which pod a token was given to, as the cluster said it when it was asked. */
export interface PodClaim {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly serviceAccountUid: string;
  /** Where the pod ran when it was given the token. */
  readonly nodeName: string;
  readonly nodeUid: string;
  /** Of the one token that was presented; tells in the record which it was. */
  readonly credential: string;
}

export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** Another pod of the same name is another one. */
export interface KnownPod extends PodName {
  readonly uid: string;
}

/** A pod as it was found a moment ago: it lives, and it is as admission lets pods be. */
export interface LivePod {
  readonly claim: PodClaim;
  /** As its node says them; empty before it has any. */
  readonly ips: readonly string[];
  readonly identity: Agent;
  /** Who is above it; why it is given nothing where that cannot be told. It lives all the same, and may yet belong to somebody. */
  readonly lineage: Lineage | Refusal;
  /** How often the gateway has been started again. */
  readonly gatewayRestarts: number;
}

/** The one key that speaks for a pod. */
export interface PodPin {
  readonly claim: PodClaim;
  /** SHA-256 of the key's SPKI DER, base64url. */
  readonly keyHash: string;
  /** Who is above it; absent where that is not known, or may be somebody else tomorrow. */
  readonly ancestors?: readonly Ancestor[];
}

/** One key of a Secret, for a Connection that shall be able to use it. */
export interface SecretWanted {
  readonly connection: Pick<Connection, "metadata" | "spec">;
  readonly name: string;
  readonly key: string;
}

/** In words for people who keep the cluster: what there is instead of the secret, and the fix. Nothing of what it holds. */
export interface NoSecret {
  /** `unavailable`: it could not be asked for now. */
  readonly reason: "missing" | "not-permitted" | "unusable" | "unavailable";
  readonly why: string;
}

export interface Secrets {
  /** Read anew each time, and only where the Secret itself permits the Connection its use. The caller wipes what it gets. */
  secret(wanted: SecretWanted, signal: AbortSignal): Promise<SecretBytes | NoSecret>;
}

/** As whom a pod asks the API server of its cluster. */
export interface TokenWanted {
  readonly pod: { readonly namespace: string; readonly name: string; readonly uid: string };
  readonly serviceAccount: string;
}

export interface ApiToken {
  readonly token: SecretBytes;
  readonly expiresMs: number;
}

export interface ApiTokens {
  /** For the API server alone, bound to the pod: it ends with it, and the API server knows by it which pod asks. */
  apiToken(wanted: TokenWanted, signal: AbortSignal): Promise<ApiToken | NoSecret>;
}

export interface Cluster extends Secrets {
  /** Whose token it is. Refuses those that were made for anybody else, or for no pod. The caller wipes the bytes. */
  review(token: Uint8Array, signal: AbortSignal): Promise<PodClaim | Refusal>;
  /** Asks for the pod itself, never what is remembered of it: it has not ended, runs where it did, and is as it was admitted. */
  inspect(claim: PodClaim, signal: AbortSignal): Promise<LivePod | Refusal>;
  /**
   * Makes it the key that speaks for the pod; the same key again is no change. Another one only where the pod's node was started
   * again since, and its gateway with it: its key is lost then. Every replica sees it from the moment this resolves.
   */
  pin(pod: LivePod, keyHash: string, signal: AbortSignal): Promise<Refusal | undefined>;
  /** The key that speaks for the pod; refused where there is none. */
  pinned(uid: string, signal: AbortSignal): Promise<PodPin | Refusal>;
}

/** One pod at the broker's port: asked at every identify, exchange and renew. */
export interface PodPeer {
  /** Of the pod. */
  readonly uid: string;
  readonly pod: PodName;
  /** Of all pods that get the same plan. */
  readonly plannedFor: Identity;
  /** Who is above it, as it was last found; undefined before it is known. */
  readonly ancestors: readonly Ancestor[] | undefined;
  /** When what it has shown of itself ends: nothing that it is granted lasts longer. */
  readonly expiresMs: number;
  identify(signal: AbortSignal): Promise<Verified | Refusal>;
  /** Undefined while it is, and is who it was. */
  stillTrusted(known: Caller, signal: AbortSignal): Promise<Refusal | undefined>;
  /** Whose it is may change while it lives, without anybody's being told. */
  readonly isAdoptable: boolean;
}
