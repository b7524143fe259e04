/* Generated from crds/ by `make generate`. Do not edit. */

export interface Metadata {
  name: string;
  namespace?: string;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
}

export interface Connection {
  apiVersion: "sallyport.dev/v1alpha1";
  kind: "Connection";
  metadata: Metadata;
  spec: {
    protocol: "postgres";
    address: { host: string; port: number };
    reachedAs?: { host: string; port?: number }[];
    tls?: {
      mode?: "verify-full" | "verify-ca" | "disable";
      serverName?: string;
      ca?: { file?: string; secret?: { name: string; key: string }; configMap?: { name: string; key: string } };
    };
    credential: {
      mode: "static" | "leased" | "minted";
      source: {
        file?: { path: string };
        env?: { name: string };
        secret?: { name: string; key: string };
        postgresRole?: {
          /** Role whose membership a minted role gets. */
          template: string;
          ttlSeconds?: number;
          minter: {
            user: string;
            file?: { path: string };
            env?: { name: string };
            secret?: { name: string; key: string };
          };
        };
      };
    };
    postgres?: { database: string; user?: string };
  };
}

export interface ServiceAccountSelector {
  name: string;
  namespace?: string;
}
export interface OidcSelector {
  provider: string;
  claims?: Record<string, string>;
}
export interface AgentSelector {
  serviceAccount?: ServiceAccountSelector;
  namespace?: string;
  oidc?: OidcSelector;
}
export interface RootSelector {
  kind?: "person" | "ci" | "controller";
  user?: string;
  group?: string;
  serviceAccount?: ServiceAccountSelector;
  oidc?: OidcSelector;
}
export interface SubjectSelector extends AgentSelector {
  descendantsOf?: AgentSelector;
  launchedBy?: RootSelector;
}

export interface PostgresPermission {
  preset?: "readOnly" | "writeOnly";
  statements?: (
    | "any"
    | "read"
    | "insert"
    | "update"
    | "delete"
    | "truncate"
    | "copyIn"
    | "copyOut"
    | "lock"
    | "ddl"
    | "dcl"
    | "notify"
    | "maintenance"
    | "admin"
    | "transaction"
    | "session"
  )[];
  tables?: string[];
  functions?: string[];
  unfiltered?: boolean;
}

export interface DenyRule {
  name: string;
  reason?: string;
  postgres?: PostgresPermission;
}
export interface AllowRule extends DenyRule {
  delegate?: "no" | "also" | "only";
}
export type AskRule = AllowRule;

export interface MaskRule {
  action?: "redact" | "nullify";
  postgres?: { columns: string[] };
}

export interface LimitsSpec {
  rows?: number;
  bytes?: number;
  statements?: number;
  sessionSeconds?: number;
  concurrentSessions?: number;
}

export interface SecretAccessPolicy {
  apiVersion: "sallyport.dev/v1alpha1";
  kind: "SecretAccessPolicy";
  metadata: Metadata;
  spec: {
    mode?: "enforce" | "observe";
    expires?: string;
    subjects: SubjectSelector[];
    connections: { names?: string[]; matchLabels?: Record<string, string> };
    allow?: AllowRule[];
    deny?: DenyRule[];
    ask?: AskRule[];
    mask?: MaskRule[];
    limits?: LimitsSpec;
    whenParentEnds?: "finish" | "end";
  };
}

export interface ClusterSecretAccessPolicy {
  apiVersion: "sallyport.dev/v1alpha1";
  kind: "ClusterSecretAccessPolicy";
  metadata: Metadata;
  spec: {
    mode?: "enforce" | "observe";
    expires?: string;
    /** Absent: every subject. */
    subjects?: SubjectSelector[];
    /** Absent: every connection of the cluster. */
    connections?: { namespaces?: string[]; names?: string[]; matchLabels?: Record<string, string> };
    deny?: DenyRule[];
    ask?: DenyRule[];
    mask?: MaskRule[];
    limits?: LimitsSpec;
    whenParentEnds?: "finish" | "end";
  };
}

export interface IdentityProvider {
  apiVersion: "sallyport.dev/v1alpha1";
  kind: "IdentityProvider";
  metadata: Metadata;
  spec: {
    issuer: string;
    audiences: string[];
    algorithms?: ("RS256" | "PS256" | "ES256" | "ES384" | "EdDSA")[];
    clockSkewSeconds?: number;
    requiredClaims?: Record<string, string>;
    ca?: { file?: string; secret?: { name: string; key: string }; configMap?: { name: string; key: string } };
  };
}

export interface PolicyTest {
  apiVersion: "sallyport.dev/v1alpha1";
  kind: "PolicyTest";
  metadata: Metadata;
  spec: {
    cases: {
      name: string;
      subject: {
        serviceAccount?: { namespace: string; name: string };
        oidc?: { provider: string; claims?: Record<string, string> };
        user?: { name: string; groups?: string[] };
      };
      /** Nearest parent first. */
      ancestors?: {
        kind: "agent" | "person" | "ci" | "controller";
        serviceAccount?: { namespace: string; name: string };
        oidc?: { provider: string; claims?: Record<string, string> };
        user?: { name: string; groups?: string[] };
      }[];
      connection: { namespace: string; name: string };
      /** RFC 3339; a policy's expiry is judged at this time. */
      at?: string;
      postgres?: { statement: string; searchPath?: string[] };
      expect: {
        outcome: "allow" | "ask" | "deny";
        code?: string;
        /** `policy/rule` */
        by?: string;
        mask?: string[];
        limits?: LimitsSpec;
      };
    }[];
  };
}

export type Kind =
  | Connection
  | SecretAccessPolicy
  | ClusterSecretAccessPolicy
  | IdentityProvider
  | PolicyTest;
