/** What the operator is told when it starts. The chart renders it as a ConfigMap; docs/operations/operator.md has the table. */
import type { LogLevel } from "#runtime/log.ts";
import type { InjectionSettings } from "../admission/pod/contract.ts";
import type { KubeObject } from "../kube/resource.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

export const CONFIGURATION_KINDS = [
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
] as const;
export type ConfigurationKind = (typeof CONFIGURATION_KINDS)[number];

/** One entry of a configuration: what the operator itself looks at, and the rest as it is. */
export interface RegisteredWebhook {
  readonly name: string;
  readonly clientConfig: { readonly caBundle?: string; readonly [member: string]: unknown };
  readonly failurePolicy?: string;
  readonly [member: string]: unknown;
}

/** As it shall be in the cluster, without `caBundle`, which is ours to fill in. */
export interface WebhookConfiguration extends KubeObject {
  readonly kind: ConfigurationKind;
  readonly webhooks: readonly RegisteredWebhook[];
}

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
  /** In our namespace: where this comes from, for a look at what newer replicas go by. Left out where it comes from elsewhere. */
  readonly configMap?: string;
  readonly logLevel: LogLevel;
  readonly webhook: WebhookSettings;
  readonly observability: Address;
  /** Lease in our namespace; whoever holds it reconciles. */
  readonly lease: string;
  /** From being told to end until no review is taken any more: as long as it takes every API server to hear of it. */
  readonly drainSeconds: number;
  readonly injection: InjectionSettings;
  /** Namespaces with these labels may read the metrics of gateways; left out, none may. */
  readonly networkPolicy: {
    readonly enabled: boolean;
    readonly metricsFromNamespaces?: Readonly<Record<string, string>>;
  };
}
