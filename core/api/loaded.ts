/** What a set of files, or a cluster's objects, comes to after reading: good objects, and what is left of broken ones. */
import type { Diagnostic } from "./diagnostic.ts";
import type {
  ClusterSecretAccessPolicy,
  Connection,
  Gateway,
  IdentityProvider,
  PolicyTest,
  SecretAccessPolicy,
  WorkloadController,
} from "./kinds.gen.ts";

export type Policy = SecretAccessPolicy | ClusterSecretAccessPolicy;

export interface PolicyId {
  readonly kind: Policy["kind"];
  /** Absent for the cluster kind. */
  readonly namespace?: string;
  readonly name: string;
}

/**
 * Which connections a broken policy closes while no good version of it is known: those it selects, or, when that
 * cannot be read either, all of its namespace; `cluster` when even the namespace is unknown or the kind is cluster-wide.
 */
export type Reach =
  | { readonly scope: "names"; readonly namespace: string; readonly names: readonly string[] }
  | {
      readonly scope: "labels";
      readonly namespace: string;
      readonly matchLabels: Readonly<Record<string, string>>;
    }
  | { readonly scope: "namespace"; readonly namespace: string }
  | { readonly scope: "cluster" };

/**
 * A policy as it was found. `origin` (a file's path, an object's uid) ties versions of the same thing together. All
 * documents of a file share its path, so that a file which cannot be read any more is known to have held them all.
 */
export type PolicySource =
  | {
      readonly state: "good";
      readonly origin: string;
      readonly policy: Policy;
      /** Present when this is the last good version, kept in force while the newer one is broken: what is wrong there. */
      readonly stale?: readonly Diagnostic[];
    }
  | {
      readonly state: "broken";
      readonly origin: string;
      /** Absent when the file cannot be read far enough to tell. */
      readonly id?: PolicyId;
      readonly reach: Reach;
      readonly diagnostics: readonly Diagnostic[];
    };

export interface Loaded {
  readonly connections: readonly Connection[];
  readonly policies: readonly PolicySource[];
  readonly identityProviders: readonly IdentityProvider[];
  /** Of a cluster; a gateway of a host knows no workloads. */
  readonly workloadControllers: readonly WorkloadController[];
  readonly tests: readonly PolicyTest[];
  /** Of these `sallyport gateway` runs one; nothing else reads them. */
  readonly gateways: readonly Gateway[];
  /** Everything found, in file order; holds those of broken policies too. */
  readonly diagnostics: readonly Diagnostic[];
}
