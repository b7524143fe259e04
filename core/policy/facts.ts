/** The facts a decision is made from: who asks, whose child it is, which connection, when, and what is asked. */
import type { PostgresRequest } from "../statements/postgres/facts.ts";
import type { KubernetesRequest } from "./protocols/kubernetes/acts.ts";
import type { TcpRequest } from "./protocols/tcp/rules.ts";

export type ClaimValue = string | number | boolean | readonly string[];

/** One pod and no other: a pod of the same name that is made later is another. */
export interface PodRef {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
}

/** A verified identity. Never built from labels. */
export interface Identity {
  /** Beside the service account that it runs as. */
  readonly pod?: PodRef;
  readonly serviceAccount?: { readonly namespace: string; readonly name: string };
  readonly oidc?: { readonly provider: string; readonly claims: Readonly<Record<string, ClaimValue>> };
  /** A person, as the cluster or the identity provider names them. */
  readonly user?: { readonly name: string; readonly groups: readonly string[] };
}

export type AncestorKind = "agent" | "person" | "ci" | "controller";

export interface Ancestor {
  readonly kind: AncestorKind;
  readonly identity: Identity;
}

/** Which pod asks, for the record; by its identity policies know it. */
export interface CallingPod extends PodRef {
  /** Of the token by which it became known; the API server's own record names tokens by it too. */
  readonly credential: string;
}

export interface Caller {
  readonly identity: Identity;
  readonly pod?: CallingPod;
  /** Nearest parent first, root last. */
  readonly ancestors: readonly Ancestor[];
}

export interface ConnectionRef {
  readonly namespace: string;
  readonly name: string;
}

/** One member per protocol; a protocol's analysis makes it. */
export type Request = KubernetesRequest | PostgresRequest | TcpRequest;

export interface Facts {
  readonly caller: Caller;
  readonly connection: ConnectionRef;
  readonly nowMs: number;
  readonly request: Request;
}
