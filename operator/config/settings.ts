/** What the operator is told when it starts. The chart renders it as a ConfigMap; docs/operations/operator.md has the table. */
import type {
  V1MutatingWebhookConfiguration,
  V1ValidatingWebhookConfiguration,
} from "@kubernetes/client-node";
import type { LogLevel } from "#runtime/log.ts";
import type { InjectionSettings } from "../admission/pod/contract.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** As it shall be in the cluster, without `caBundle`, which is ours to fill in. */
export type WebhookConfiguration = (
  | (V1MutatingWebhookConfiguration & { readonly kind: "MutatingWebhookConfiguration" })
  | (V1ValidatingWebhookConfiguration & { readonly kind: "ValidatingWebhookConfiguration" })
) & { readonly metadata: { readonly name: string } };

export interface WebhookSettings {
  readonly listen: Address;
  /** What the API server calls us: host names and addresses of the serving certificate. */
  readonly names: readonly string[];
  /** Secret in our namespace with the certificate authority that we make. */
  readonly authoritySecret: string;
  /** Certificate that the API server has to show. Left out: whoever reaches the port is answered, and counted. */
  readonly clientCertificate?: {
    readonly caFile: string;
    /** Common names that are let in. Left out: every certificate by that authority is. */
    readonly commonNames?: readonly string[];
  };
  readonly configurations: readonly WebhookConfiguration[];
  /** ClusterRole that owns configurations which we have to make anew, so that they go when it goes: decision 0026. */
  readonly owner: string;
}

export interface OperatorSettings {
  /** Where the operator itself lives. */
  readonly namespace: string;
  readonly logLevel: LogLevel;
  readonly webhook: WebhookSettings;
  readonly observability: Address;
  /** Lease in our namespace; whoever holds it reconciles. */
  readonly lease: string;
  /** From being told to end until no review is taken any more: as long as it takes every API server to hear of it. */
  readonly drainSeconds: number;
  readonly injection: InjectionSettings;
  readonly networkPolicy: { readonly enabled: boolean };
}
