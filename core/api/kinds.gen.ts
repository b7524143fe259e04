/* Generated from crds/source by `make generate`. Do not edit. */

export const PROTOCOLS = ["kubernetes", "postgres", "tcp"] as const;
export type ProtocolName = (typeof PROTOCOLS)[number];

export interface Metadata {
  readonly name: string;
  /** Absent for kinds that are not kept in a namespace. */
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/**
 * A guardrail for the whole cluster: what is refused, asked, masked and limited wherever a
 * SecretAccessPolicy would let it pass. A guardrail allows nothing.
 */
export interface ClusterSecretAccessPolicy {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "ClusterSecretAccessPolicy";
  readonly metadata: Metadata;
  readonly spec: {
    /**
     * `enforce` decides. `observe` only reports what it would have decided; what nothing else decides then
     * passes only where no enforcing policy selects the same caller and connection.
     */
    readonly mode?: PolicyMode;
    /**
     * From this moment on the policy's rules no longer hold, to the second. Date and time with zone.
     * Example: `2026-12-31T18:00:00Z`.
     */
    readonly expires?: string;
    /** Who the guardrail speaks of; a caller that fits one entry is meant. Left out, everyone is. */
    readonly subjects?: readonly SubjectSelector[];
    /**
     * Which Connections it holds for; all given fields must hold. Left out, every Connection of the
     * cluster. Example: `{namespaces: [prod], matchLabels: {data: personal}}`.
     */
    readonly connections?: {
      /** Namespaces of the Connections. Example: `[prod]`. */
      readonly namespaces?: readonly string[];
      /** Names of Connections. Example: `[orders]`. */
      readonly names?: readonly string[];
      /** Labels that an object must all have. Example: `{tier: reporting}`. */
      readonly matchLabels?: Readonly<Record<string, string>>;
    };
    /** What is refused, whatever any policy allows. */
    readonly deny?: readonly DenyRule[];
    /** What waits for a person, where a policy would let it pass. */
    readonly ask?: readonly GuardrailAskRule[];
    /** What results do not show. */
    readonly mask?: readonly MaskRule[];
    /**
     * Limits per session. Of several policies that select the caller for the connection the smallest number
     * holds. At least one field.
     */
    readonly limits?: LimitsSpec;
    /**
     * What becomes of sessions under this policy when an agent above the caller merely ends: `finish` lets
     * open sessions go on but opens none and renews no lease, `end` closes them. If one policy that selects
     * the caller says `end`, that holds. (When an agent above is revoked, sessions always end.)
     */
    readonly whenParentEnds?: WhenParentEnds;
  };
}

/**
 * Something that agents reach through the gateway without a credential of their own: where it is, how its
 * certificate is checked, and where the broker finds the credential. A Connection gives nobody access; a
 * SecretAccessPolicy in the same namespace does.
 */
export interface Connection {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "Connection";
  readonly metadata: Metadata;
  readonly spec: {
    /** The protocol spoken. The block of the same name holds its particulars. */
    readonly protocol: "kubernetes" | "postgres" | "tcp";
    /** Where the gateway finds it. Example: `{host: orders.db.example.com, port: 5432}`. */
    readonly address: {
      /** Host name or IP address. Example: `orders.db.example.com`. */
      readonly host: string;
      /** TCP port. Example: `5432`. */
      readonly port: number;
    };
    /**
     * What agents dial to reach it, besides `address`: a service's name in the cluster, an old host name.
     * Example: `[{host: orders-db}, {host: orders-db.prod.svc, port: 5432}]`.
     */
    readonly reachedAs?: readonly {
      /** Host name or IP address as agents write it. Example: `orders-db`. */
      readonly host: string;
      /** TCP port as agents write it; left out, that of `address`. */
      readonly port?: number;
    }[];
    /**
     * How the connection to the upstream is encrypted. Left out: TLS is demanded, and the certificate must
     * be trusted by the system and be for `address.host`.
     */
    readonly tls?: {
      /**
       * `verify-full` checks that the certificate is trusted and is for this host; `verify-ca` only that it
       * is trusted; `disable` sends everything in the clear and belongs on a loopback.
       */
      readonly mode?: "verify-full" | "verify-ca" | "disable";
      /** The name the certificate must be for, where it is not `address.host`. */
      readonly serverName?: string;
      /**
       * The certificates to trust, in PEM form, instead of those the system trusts. Exactly one place.
       * Example: `{configMap: {name: corporate-ca, key: ca.crt}}`.
       */
      readonly ca?: CertificateAuthority;
    };
    /** The credential, by reference. It stays with the broker; no agent and no file of ours holds it. */
    readonly credential: {
      /**
       * `static`: one that stays as it is. `leased`: one that somebody else renews, so that it is read anew
       * for each session. `minted`: one that the broker makes for each session and takes back after it.
       * `none`: none is put on; the protocol takes none (tcp), or the upstream trusts whoever reaches it
       * (postgres).
       */
      readonly mode: "static" | "leased" | "minted" | "none";
      /** Where it comes from; exactly one. Example: `{secret: {name: orders-db, key: password}}`. */
      readonly source?: {
        /** A file of the broker's host that holds the password or token. */
        readonly file?: FileReference;
        /** A variable in the broker's environment that holds the password or token. */
        readonly env?: EnvironmentReference;
        /** A key of a Secret in the Connection's namespace that holds the password or token. */
        readonly secret?: KeyReference;
        /** A role of its own for each session, made on the PostgreSQL server and dropped afterwards. */
        readonly postgresRole?: {
          /** Role whose membership a minted role gets: all that agents may do. Example: `orders_agent`. */
          readonly template: string;
          /** After this time the server itself refuses the role, even if the broker is gone. */
          readonly ttlSeconds?: number;
          /**
           * Who makes the roles: a role with CREATEROLE that may grant `template`. Its password comes from
           * exactly one of the places below.
           */
          readonly minter: {
            /** Name of the role. Example: `sallyport_minter`. */
            readonly user: string;
            /** A file of the broker's host that holds its password. */
            readonly file?: FileReference;
            /** A variable in the broker's environment that holds its password. */
            readonly env?: EnvironmentReference;
            /** A key of a Secret in the Connection's namespace that holds its password. */
            readonly secret?: KeyReference;
          };
        };
        /**
         * A token for the API server of the cluster that the broker is in: of the pod's own service
         * account, bound to the pod, for ten minutes. It goes to that API server and to nobody else, which
         * shows itself by the cluster's authority. What the API permits is RBAC's to say; the policies of
         * this Connection narrow it. Write `kubernetesToken: {}`.
         */
        readonly kubernetesToken?: {
        };
      };
    };
    /**
     * What has to be on record before a request goes on to the upstream. Writes, refusals and whatever
     * could not be analysed always are; tcp has no reads, and is on record before it is connected.
     */
    readonly trail?: {
      /**
       * `runAhead`: a permitted read goes on at once, and its record follows within a bounded window.
       * `durableFirst`: it waits until its record is on the broker's disk, as a write does. Each read takes
       * longer by that, and none is permitted while the trail cannot be written.
       */
      readonly reads?: "runAhead" | "durableFirst";
    };
    /**
     * What is particular to a Kubernetes API: nothing so far. Write `kubernetes: {}`. In the cluster itself
     * `address` is the service address that KUBERNETES_SERVICE_HOST names, since clients in pods dial that.
     */
    readonly kubernetes?: KubernetesConnection;
    /** What is particular to PostgreSQL. */
    readonly postgres?: PostgresConnection;
    /**
     * What is particular to a relay of bytes. Whatever the client encrypts stays encrypted, and whatever it
     * needs to sign in it has to bring: the gateway decides who may connect, limits, and records.
     */
    readonly tcp?: TcpConnection;
  };
}

/**
 * An OpenID Connect issuer whose tokens are believed: of a CI system, of another cluster, of people. Its
 * tokens give no access by themselves; policies name it in `subjects[].oidc.provider`.
 */
export interface IdentityProvider {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "IdentityProvider";
  readonly metadata: Metadata;
  readonly spec: {
    /**
     * The issuer's URL, letter for letter as in the token's `iss`; keys are found below it by discovery.
     * Example: `https://token.actions.githubusercontent.com`.
     */
    readonly issuer: string;
    /**
     * A token must be meant for one of these (`aud`). Use one that nothing else accepts. Example:
     * `[sallyport.example.com]`.
     */
    readonly audiences: readonly string[];
    /** Signature algorithms that are believed; left out, all of them. Example: `[RS256]`. */
    readonly algorithms?: readonly ("RS256" | "PS256" | "ES256" | "ES384" | "EdDSA")[];
    /** How far the issuer's clock may be off. */
    readonly clockSkewSeconds?: number;
    /**
     * Claims that every token must have, whatever a policy asks for. A value must be equal as text; of a
     * claim that is a list, one item must be equal. Example: `{repository_owner: acme}`.
     */
    readonly requiredClaims?: Readonly<Record<string, string>>;
    /**
     * The certificates to trust, in PEM form, instead of those the system trusts. Exactly one place.
     * Example: `{configMap: {name: corporate-ca, key: ca.crt}}`.
     */
    readonly ca?: CertificateAuthority;
  };
}

/**
 * Says what some callers may do on some Connections of its own namespace, and what is demanded of them:
 * masks and limits. What no policy allows is refused. deny wins over ask, ask over allow; the order of
 * rules and of policies never matters.
 */
export interface SecretAccessPolicy {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "SecretAccessPolicy";
  readonly metadata: Metadata;
  readonly spec: {
    /**
     * `enforce` decides. `observe` only reports what it would have decided; what nothing else decides then
     * passes only where no enforcing policy selects the same caller and connection.
     */
    readonly mode?: PolicyMode;
    /**
     * From this moment on the policy's rules no longer hold, to the second. Date and time with zone.
     * Example: `2026-12-31T18:00:00Z`.
     */
    readonly expires?: string;
    /** Who the policy speaks of; a caller that fits one entry is meant. */
    readonly subjects: readonly SubjectSelector[];
    /**
     * Connections of the policy's own namespace: by name or by label, not both. Example: `{names:
     * [orders]}` or `{matchLabels: {tier: reporting}}`.
     */
    readonly connections: {
      /** Names of Connections. Example: `[orders, invoices]`. */
      readonly names?: readonly string[];
      /** Labels that an object must all have. Example: `{tier: reporting}`. */
      readonly matchLabels?: Readonly<Record<string, string>>;
    };
    /** What passes. */
    readonly allow?: readonly AllowRule[];
    /** What is refused, whatever any policy allows. */
    readonly deny?: readonly DenyRule[];
    /** What waits for a person. */
    readonly ask?: readonly AskRule[];
    /** What results do not show. */
    readonly mask?: readonly MaskRule[];
    /**
     * Limits per session. Of several policies that select the caller for the connection the smallest number
     * holds. At least one field.
     */
    readonly limits?: LimitsSpec;
    /**
     * What becomes of sessions under this policy when an agent above the caller merely ends: `finish` lets
     * open sessions go on but opens none and renews no lease, `end` closes them. If one policy that selects
     * the caller says `end`, that holds. (When an agent above is revoked, sessions always end.)
     */
    readonly whenParentEnds?: WhenParentEnds;
  };
}

/**
 * A program that makes pods, or what pods are made from, for others: what its account makes is whose the
 * owner is, and never its own. The controllers of Kubernetes itself are known without.
 */
export interface WorkloadController {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "WorkloadController";
  readonly metadata: Metadata;
  readonly spec: {
    /**
     * The account of the controller. In a namespace that bears the label `sallyport.dev/enforce` it is an
     * agent's, and not believed.
     */
    readonly serviceAccount: {
      /** A namespace. */
      readonly namespace: string;
      /** Its name. */
      readonly name: string;
    };
    /**
     * Kinds whose objects it makes others from. What it makes is whose the object is that its `controller`
     * ownerReference names, and what it changes of these kinds stays whose it was. Left out, it makes
     * nothing for others.
     */
    readonly owns?: readonly {
      /** Its API group; empty for Kubernetes' own first one. */
      readonly group: string;
      /** The version in which it is asked for. */
      readonly version: string;
      /** Its name in paths, in the plural. */
      readonly resource: string;
      /** Its name in objects. */
      readonly kind: string;
      /**
       * Where an object says what is made from it: whoever changes anything there becomes its author. Left
       * out, it is the whole spec. Example: `[spec.podTemplate]`.
       */
      readonly templatePaths?: readonly string[];
      /**
       * Its objects keep things ready for whoever claims them: what they own is nobody's until its
       * controller gives it to another owner.
       */
      readonly pool?: boolean;
    }[];
    /**
     * When it is looked up whose its pods are. `AtCreation`: when they are made. `AtExchange`: each time
     * they ask for access, by following the owners that they have then; for controllers that make pods
     * before it is known who gets them.
     */
    readonly pods?: "AtCreation" | "AtExchange";
    /**
     * Whose somebody else's object is after it has changed there what pods are made from. `TakeOver`: its
     * own, as with anybody. `Keep`: whose it was; for programs that only mend, as with a new image or the
     * checksum of a Secret.
     */
    readonly changes?: "TakeOver" | "Keep";
    /**
     * Whether it may make workloads with a token that is bound to no pod, of which nobody knows in whose
     * hands it is. `Accepted` is for programs outside of the cluster that have a service account's token.
     */
    readonly unboundTokens?: "Refused" | "Accepted";
  };
}

/**
 * A gateway on one host: the places where agents reach it, the Connection that each place leads to, and how
 * it knows who is there. `sallyport gateway --config DIR` reads exactly one.
 */
export interface Gateway {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "Gateway";
  readonly metadata: Metadata;
  readonly spec: {
    /** Where agents reach the gateway. */
    readonly listeners: readonly {
      /** Names it in logs, metrics and the trail. Example: `orders`. */
      readonly name: string;
      /** The Connection that clients get here. Example: `{namespace: shop, name: orders}`. */
      readonly connection: {
        /** Its namespace. Example: `shop`. */
        readonly namespace: string;
        /** Its name. Example: `orders`. */
        readonly name: string;
      };
      /**
       * Absolute path of a unix socket. Its folder must be closed to everyone who is not the agent.
       * PostgreSQL clients find `/run/agent/.s.PGSQL.5432` when told `host=/run/agent`.
       */
      readonly socket?: string;
      /** A TCP address, instead of a socket. Example: `{host: 127.0.0.1, port: 6432}`. */
      readonly address?: {
        /** Address of this host to listen on. Example: `127.0.0.1`. */
        readonly host: string;
        /** TCP port; 0 takes any free one and says which. Example: `6432`. */
        readonly port: number;
      };
      /** How the gateway knows who its clients are. Exactly one. */
      readonly identity: ListenerIdentity;
      /**
       * The certificate shown to clients that ask for TLS. Without it the gateway makes one at start and
       * says where clients find its certificate authority.
       */
      readonly tls?: {
        /** PEM file with the certificate and its chain. Example: `/etc/sallyport/tls.crt`. */
        readonly certificate: string;
        /** PEM file with the private key. Example: `/etc/sallyport/tls.key`. */
        readonly key: string;
      };
    }[];
  };
}

/**
 * What policies are expected to decide. `sallyport test DIR` decides every case with the policies of the
 * same directory and compares.
 */
export interface PolicyTest {
  readonly apiVersion: "sallyport.dev/v1alpha1";
  readonly kind: "PolicyTest";
  readonly metadata: Metadata;
  readonly spec: {
    /** The cases. */
    readonly cases: readonly TestCase[];
  };
}

/**
 * `enforce` decides. `observe` only reports what it would have decided; what nothing else decides then
 * passes only where no enforcing policy selects the same caller and connection.
 */
export type PolicyMode = "enforce" | "observe";

/**
 * One kind of caller. At least one field; all given fields must hold. Example: `{serviceAccount: {name:
 * summariser}, descendantsOf: {serviceAccount: {name: planner}}}`.
 */
export interface SubjectSelector extends AgentSelector {
  /** The service account the caller runs as. */
  readonly serviceAccount?: ServiceAccountSelector;
  /** Any service account of this namespace. Example: `agents`. */
  readonly namespace?: string;
  /** That very pod. */
  readonly pod?: PodSelector;
  /** The OpenID Connect token the caller came with. */
  readonly oidc?: OidcSelector;
  /** An agent that stands above the caller, at any distance, in its verified lineage. */
  readonly descendantsOf?: AgentSelector;
  /** Who stands at the root of the caller's lineage. */
  readonly launchedBy?: RootSelector;
}

/** A Kubernetes service account, proved by the pod's projected token and not by a label. */
export interface ServiceAccountSelector {
  /** Name of the service account. Example: `report-writer`. */
  readonly name: string;
  /**
   * Namespace of the service account. Left out, it is the policy's own namespace; in a
   * ClusterSecretAccessPolicy, which has none, it is every namespace.
   */
  readonly namespace?: string;
}

/**
 * One pod and no other. Pods come and go, so this is for what is said of one that lives, such as that it is
 * revoked.
 */
export interface PodSelector {
  /** `metadata.uid` of the pod. Example: `5f0c1e2a-8a57-4c1b-9b0e-0a6f6f2d9a11`. */
  readonly uid: string;
}

/** A caller that was identified by an OpenID Connect token. */
export interface OidcSelector {
  /** Name of the IdentityProvider whose token it must be. Example: `github-actions`. */
  readonly provider: string;
  /**
   * Claims of the token, by name. A value must be equal as text; of a claim that is a list, one item must
   * be equal. Example: `{repository: acme/reports, ref: refs/heads/main}`.
   */
  readonly claims?: Readonly<Record<string, string>>;
}

/** An agent, named by what it proved about itself. At least one field; all given fields must hold. */
export interface AgentSelector {
  /** The service account it runs as. */
  readonly serviceAccount?: ServiceAccountSelector;
  /** Any service account of this namespace. Example: `agents`. */
  readonly namespace?: string;
  /** That very pod. */
  readonly pod?: PodSelector;
  /** The OpenID Connect token it came with. */
  readonly oidc?: OidcSelector;
}

/**
 * Who stands at the root of a lineage and set the first agent going. At least one field; all given fields
 * must hold.
 */
export interface RootSelector {
  /**
   * What it is: `person` (signed in), `ci` (a pipeline's job token) or `controller` (a workload that made
   * the pod, such as a CronJob).
   */
  readonly kind?: "person" | "ci" | "controller";
  /** A person, as the identity provider names them. Example: `ada@example.com`. */
  readonly user?: string;
  /** A group that the person is in. Example: `data-platform`. */
  readonly group?: string;
  /** The service account of the controller. */
  readonly serviceAccount?: ServiceAccountSelector;
  /** The OpenID Connect token of the pipeline or the person. */
  readonly oidc?: OidcSelector;
}

/**
 * Refuses what its block describes, whatever any rule allows. In a deny rule an absent list narrows
 * nothing: `postgres: {tables: [hr.*]}` refuses every kind of statement on those tables.
 */
export interface DenyRule {
  /** Name of the rule, shown in decisions and in the audit trail. Unique within the policy. */
  readonly name: string;
  /**
   * What the agent is told when this rule decides; say what to do instead. Example: `Personal data: ask for
   * the view public.customers_masked.`
   */
  readonly reason?: string;
  /**
   * Requests to a Kubernetes API; what is left out narrows nothing, and an empty block is every request.
   * Example: `{verbs: [delete, deletecollection], namespaces: ["prod-*"]}`.
   */
  readonly kubernetes?: KubernetesPermission;
  /**
   * Statements on PostgreSQL; what is left out narrows nothing, and an empty block is every statement.
   * Example: `{statements: [delete, truncate], tables: [ledger.*]}`.
   */
  readonly postgres?: PostgresPermission;
  /**
   * Opening connections that are relayed as they are; there is nothing to narrow it by. Write `tcp: {}`.
   */
  readonly tcp?: TcpPermission;
}

/** Requests to a Kubernetes API. */
export interface KubernetesPermission {
  /**
   * Verbs, as in RBAC; `"*"` is every one. `kubectl get` needs get, list or watch, `kubectl apply` get,
   * create and patch. Whatever opens a stream (`pods/exec`, `pods/attach`, `pods/portforward`) is create.
   * Example: `[get, list, watch]`.
   */
  readonly verbs?: readonly ("*" | "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection")[];
  /**
   * Resources with their group, as kubectl writes them: `pods`, `deployments.apps`,
   * `deployments.apps/scale`, `*.batch` or `*`. A resource does not take in its subresources, a star in its
   * place does. No star permits `secrets`, `pods/exec`, `pods/attach` and `pods/portforward`: they have to
   * be written out. Nothing permits `serviceaccounts/token` and what ends in `/proxy`. Example: `[pods,
   * pods/log, jobs.batch]`.
   */
  readonly resources?: readonly string[];
  /**
   * Namespaces; a star at the end stands for whatever follows. Left out, the rule is about every namespace
   * and about what has none. In an allow rule they do not cover a list over all namespaces. Example:
   * `[shop, "shop-*"]`.
   */
  readonly namespaces?: readonly string[];
  /**
   * Names of objects; a star at the end stands for whatever follows. The API says no name for what is
   * created, so rules with names are not about create; an allow rule with names covers no list, a deny rule
   * meets those that could show the object. Example: `[web, "worker-*"]`.
   */
  readonly names?: readonly string[];
  /**
   * Paths that are no resources; a star at the end stands for whatever follows. Discovery (`/api`, `/apis`,
   * `/openapi`, `/version` and health) is permitted to whoever has any rule. Example: `[/metrics]`.
   */
  readonly paths?: readonly string[];
}

/** Statements on PostgreSQL. */
export interface PostgresPermission {
  /**
   * A ready list of statements. `readOnly`: read, and the transaction and session statements that every
   * driver sends. `writeOnly`: insert, update, delete and copyIn, likewise, without read: what is written
   * cannot be read back.
   */
  readonly preset?: "readOnly" | "writeOnly";
  /**
   * Kinds of statement. One statement may need several: `INSERT … SELECT` needs insert and read. `[any]`
   * stands alone and passes everything on without looking at it: the connection's own rights are then the
   * only limit. Example: `[read, insert]`.
   */
  readonly statements?: readonly ("any" | "read" | "insert" | "update" | "delete" | "truncate" | "copyIn" | "copyOut" | "lock" | "ddl" | "dcl" | "notify" | "maintenance" | "admin" | "transaction" | "session")[];
  /**
   * Tables, views and other relations, always with their schema: `schema.table`, `schema.*` or `*.*`.
   * Unquoted names are lower case, as in PostgreSQL; others stand in double quotes (`public."Odd.Name"`).
   * Left out, the rule is about every table. Example: `[public.orders, reporting.*]`.
   */
  readonly tables?: readonly string[];
  /**
   * Functions, operators and types of your own that statements may run beside those known to be harmless:
   * `schema.function` or `schema.*`; an operator stands in quotes (`public."&&"`). In a deny rule: that
   * they may not run. Example: `[public.order_total]`.
   */
  readonly functions?: readonly string[];
  /**
   * Narrows the rule to statements that nothing narrows (`true`: no WHERE or a constant one, and for reads
   * no LIMIT), or to those that something does (`false`). Left out, the rule is about both. What cannot be
   * told counts as unfiltered, so an allow rule takes only `false` and a deny rule only `true`. Example of
   * a deny rule against dumping tables: `{statements: [read, delete, update], unfiltered: true}`.
   */
  readonly unfiltered?: boolean;
}

/** Opening connections that are relayed as they are; there is nothing to narrow it by. Write `tcp: {}`. */
export interface TcpPermission {
}

/** Holds what its block describes until a person agrees, wherever another policy would let it pass. */
export interface GuardrailAskRule extends DenyRule {
  /** Name of the rule, shown in decisions and in the audit trail. Unique within the policy. */
  readonly name: string;
  /** What the agent and the approver are told. Say what the approver should look at. */
  readonly reason?: string;
  /**
   * Requests to a Kubernetes API. Needs `verbs`, and `resources` or `paths`. Example: `{verbs: [delete],
   * resources: [deployments.apps], namespaces: [shop]}`.
   */
  readonly kubernetes?: KubernetesPermission;
  /**
   * Statements on PostgreSQL. Needs `preset` or `statements`. Example: `{statements: [delete], tables:
   * [public.orders]}`.
   */
  readonly postgres?: PostgresPermission;
  /**
   * Opening connections that are relayed as they are; there is nothing to narrow it by. Write `tcp: {}`.
   */
  readonly tcp?: TcpPermission;
}

/**
 * What results must not show. Masks are a union over every policy that selects the caller for the
 * connection, whichever rule allowed the statement; adding a policy never takes a mask away.
 */
export interface MaskRule {
  /**
   * `redact` puts a fixed text in the value's place (or NULL where the type holds no text); `nullify`
   * always puts NULL. Where two policies mask one column, the stronger action (`nullify`) holds.
   */
  readonly action?: "redact" | "nullify";
  /** Columns of PostgreSQL results. */
  readonly postgres?: PostgresMask;
}

/** Columns of PostgreSQL results. */
export interface PostgresMask {
  /**
   * Columns, with schema and table: `schema.table.column`, `schema.*.column` or `*.*.column`. Names are
   * written as in `tables`. Example: `[public.customers.email, "*.*.ssn"]`.
   */
  readonly columns: readonly string[];
}

/**
 * Limits per session. Of several policies that select the caller for the connection the smallest number
 * holds. At least one field.
 */
export interface LimitsSpec {
  /** Rows that may come back in one session. Example: `10000`. */
  readonly rows?: number;
  /** Bytes of results that may come back in one session. Example: `50000000`. */
  readonly bytes?: number;
  /** Statements that one session may run. Example: `500`. */
  readonly statements?: number;
  /** How long one session may last. Example: `900`. */
  readonly sessionSeconds?: number;
  /** Sessions that one caller may hold open on the connection at a time. Example: `4`. */
  readonly concurrentSessions?: number;
}

/**
 * What becomes of sessions under this policy when an agent above the caller merely ends: `finish` lets open
 * sessions go on but opens none and renews no lease, `end` closes them. If one policy that selects the
 * caller says `end`, that holds. (When an agent above is revoked, sessions always end.)
 */
export type WhenParentEnds = "finish" | "end";

/**
 * The certificates to trust, in PEM form, instead of those the system trusts. Exactly one place. Example:
 * `{configMap: {name: corporate-ca, key: ca.crt}}`.
 */
export interface CertificateAuthority {
  /** Absolute path of a file. Example: `/etc/sallyport/ca.pem`. */
  readonly file?: string;
  /** A key of a Secret in the object's namespace (for cluster-wide kinds, in the operator's). */
  readonly secret?: KeyReference;
  /** A key of a ConfigMap in the object's namespace (for cluster-wide kinds, in the operator's). */
  readonly configMap?: KeyReference;
}

/** One key of a Secret or ConfigMap in the object's own namespace. */
export interface KeyReference {
  /** Name of the Secret or ConfigMap. */
  readonly name: string;
  /** Key in its data. Example: `password`. */
  readonly key: string;
}

/** A file, for gateways that run outside a cluster. */
export interface FileReference {
  /**
   * Absolute path, read by the broker and never by the data plane. Example: `/run/secrets/orders-password`.
   */
  readonly path: string;
}

/** A variable in the broker's own environment, for trials on a laptop. */
export interface EnvironmentReference {
  /** Name of the variable. Example: `ORDERS_PASSWORD`. */
  readonly name: string;
}

/**
 * What is particular to a Kubernetes API: nothing so far. Write `kubernetes: {}`. In the cluster itself
 * `address` is the service address that KUBERNETES_SERVICE_HOST names, since clients in pods dial that.
 */
export interface KubernetesConnection {
}

/** What is particular to PostgreSQL. */
export interface PostgresConnection {
  /**
   * The database that sessions are opened on; agents reach no other. Left out, which only `user:
   * asRequested` permits: the one that the client asks for. Example: `orders`.
   */
  readonly database?: string;
  /**
   * The role to sign in as with a static or leased credential, or with none. Minted roles have a name of
   * their own. `asRequested`, with no credential only: the role that the client asks for, with the start-up
   * parameters that it asks for. The server then sees whoever the client says it is; this is for
   * conformance runs, and lint warns of it. Example: `orders_reader`.
   */
  readonly user?: string;
  /**
   * Ways of signing in that give the password away and are answered all the same, for servers that know no
   * better; SCRAM-SHA-256 is always answered. `md5`: whoever sees the answer, or the server's own table,
   * can guess at the password cheaply, and the stored hash signs in as well as the password. `cleartext`:
   * the server, and whoever poses as it, gets the password itself, and so does the gateway's data plane on
   * the way; only over TLS. Left out, both are refused. Example: `[md5]`.
   */
  readonly weakAuthentication?: readonly ("md5" | "cleartext")[];
  /**
   * What becomes of a running statement when the client has closed its side and sends nothing more.
   * `finish`: it runs to its end and is delivered, as PostgreSQL does. `cancel`: it is cancelled at once,
   * so that a client that went away leaves no work behind; one that only says early that it has no more to
   * ask gets no answer.
   */
  readonly whenClientCloses?: "finish" | "cancel";
}

/**
 * What is particular to a relay of bytes. Whatever the client encrypts stays encrypted, and whatever it
 * needs to sign in it has to bring: the gateway decides who may connect, limits, and records.
 */
export interface TcpConnection {
  /**
   * Refuses clients that do not begin with TLS. A client that does must name `address.host`, or a host of
   * `reachedAs`, in its greeting (SNI) either way.
   */
  readonly requireTls?: boolean;
}

/** Lets pass what its block describes, unless a deny or ask rule says otherwise. */
export interface AllowRule extends DenyRule {
  /** Name of the rule, shown in decisions and in the audit trail. Unique within the policy. */
  readonly name: string;
  /** Why this is right, for those who read the policy and the audit trail. */
  readonly reason?: string;
  /**
   * Whether an agent that this rule allows something may hand it on to agents it launches. `"no"` (in
   * quotes: YAML readers take a bare no for false): it may not. `also`: it may use it and hand it on.
   * `only`: it may hand it on but not use it, as a planner does that should never touch the data itself.
   */
  readonly delegate?: Delegate;
  /**
   * Requests to a Kubernetes API. Needs `verbs`, and `resources` or `paths`. Example: `{verbs: [get, list,
   * watch], resources: [pods, pods/log], namespaces: [shop]}`.
   */
  readonly kubernetes?: KubernetesPermission;
  /**
   * Statements on PostgreSQL. Needs `preset` or `statements`. Example: `{preset: readOnly, tables:
   * [public.orders]}`.
   */
  readonly postgres?: PostgresPermission;
  /**
   * Opening connections that are relayed as they are; there is nothing to narrow it by. Write `tcp: {}`.
   */
  readonly tcp?: TcpPermission;
}

/**
 * Whether an agent that this rule allows something may hand it on to agents it launches. `"no"` (in quotes:
 * YAML readers take a bare no for false): it may not. `also`: it may use it and hand it on. `only`: it may
 * hand it on but not use it, as a planner does that should never touch the data itself.
 */
export type Delegate = "no" | "also" | "only";

/** Holds what its block describes until a person agrees; wins over allow, loses to deny. */
export interface AskRule extends AllowRule {
  /** Name of the rule, shown in decisions and in the audit trail. Unique within the policy. */
  readonly name: string;
  /** What the agent and the approver are told. Say what the approver should look at. */
  readonly reason?: string;
  /**
   * Whether an agent that this rule allows something may hand it on to agents it launches. `"no"` (in
   * quotes: YAML readers take a bare no for false): it may not. `also`: it may use it and hand it on.
   * `only`: it may hand it on but not use it, as a planner does that should never touch the data itself.
   */
  readonly delegate?: Delegate;
  /**
   * Requests to a Kubernetes API. Needs `verbs`, and `resources` or `paths`. Example: `{verbs: [delete],
   * resources: [deployments.apps], namespaces: [shop]}`.
   */
  readonly kubernetes?: KubernetesPermission;
  /**
   * Statements on PostgreSQL. Needs `preset` or `statements`. Example: `{statements: [delete], tables:
   * [public.orders]}`.
   */
  readonly postgres?: PostgresPermission;
  /**
   * Opening connections that are relayed as they are; there is nothing to narrow it by. Write `tcp: {}`.
   */
  readonly tcp?: TcpPermission;
}

/** How the gateway knows who its clients are. Exactly one. */
export interface ListenerIdentity {
  /**
   * Everyone who can open this listener is one and the same subject, and no client has to bring anything.
   * The gateway has the token that says who that is. Exactly one place of the token.
   */
  readonly ambient?: AmbientIdentity;
  /**
   * Every client brings a token of its own: a JWT of one of the IdentityProviders, in the place where its
   * protocol has the password. Taken over TLS only.
   */
  readonly perClient?: {
    /** Names of the IdentityProviders whose tokens are taken here. Example: `[github]`. */
    readonly providers: readonly string[];
  };
}

/**
 * Everyone who can open this listener is one and the same subject, and no client has to bring anything. The
 * gateway has the token that says who that is. Exactly one place of the token.
 */
export interface AmbientIdentity {
  /** A file that holds a JWT and is renewed in place. Example: `/var/run/secrets/tokens/sallyport`. */
  readonly tokenFile?: string;
  /** GitHub Actions: tokens are asked of the runner. The job needs `permissions: {id-token: write}`. */
  readonly github?: {
    /** Audience to ask for; one that the IdentityProvider accepts. Example: `sallyport`. */
    readonly audience: string;
  };
  /** GitLab CI: the variable that `id_tokens` puts the token into. Example: `{name: SALLYPORT_TOKEN}`. */
  readonly gitlab?: EnvironmentReference;
  /**
   * On a TCP address: the local user whose processes may connect; others are refused. Default: the user who
   * started the gateway. Example: `1000`.
   */
  readonly uid?: number;
}

/** One question and the answer expected. */
export interface TestCase {
  /**
   * A sentence that says what holds. Example: `the reporter cannot read salaries`. Unique within the test.
   */
  readonly name: string;
  /** Who asks. */
  readonly subject: TestIdentity;
  /** Whose child it is, nearest parent first. */
  readonly ancestors?: readonly TestAncestor[];
  /** Which Connection is asked for. */
  readonly connection: {
    /** Its namespace. */
    readonly namespace: string;
    /** Its name. */
    readonly name: string;
  };
  /**
   * The time at which the case is decided; expiries are judged by it. Left out: now. Example:
   * `2026-12-31T18:00:00Z`.
   */
  readonly at?: string;
  /** What is asked of a Kubernetes API, in the words of its own authorization. */
  readonly kubernetes?: KubernetesRequest;
  /** What is asked of PostgreSQL. */
  readonly postgres?: PostgresRequest;
  /** The answer. Fields left out are not compared. */
  readonly expect: {
    /** What the decision must be. */
    readonly outcome: "allow" | "ask" | "deny";
    /** The decision's code. Example: `DENY_RULE`. */
    readonly code?: "ALLOWED" | "OBSERVED" | "ASK_RULE" | "DENY_RULE" | "DENY_NO_RULE" | "DENY_NO_POLICY" | "DENY_NOT_DELEGATED" | "DENY_UNANALYSED" | "DENY_FACTS_INVALID" | "DENY_POLICY_INVALID" | "DENY_UNKNOWN_CONNECTION" | "DENY_PROTOCOL" | "OBLIGATION_UNSUPPORTED";
    /** The rule that decides, as `policy/rule`. Example: `orders-readers/no-salaries`. */
    readonly by?: string;
    /**
     * The masked columns, all of them, in any order. An empty list: nothing is masked. Example:
     * `[public.customers.email]`.
     */
    readonly mask?: readonly string[];
    /** The limits that hold, all of them. */
    readonly limits?: LimitsSpec;
  };
}

/** A verified identity; at least one field. */
export interface TestIdentity {
  /** A service account of the cluster. */
  readonly serviceAccount?: {
    /** Its namespace. */
    readonly namespace: string;
    /** Its name. */
    readonly name: string;
  };
  /** An OpenID Connect token. */
  readonly oidc?: {
    /** Name of the IdentityProvider it comes from. */
    readonly provider: string;
    /** Its claims. Example: `{repository: acme/reports}`. */
    readonly claims?: Readonly<Record<string, string>>;
  };
  /** A person. */
  readonly user?: {
    /** As the identity provider names them. Example: `ada@example.com`. */
    readonly name: string;
    /** Groups they are in. */
    readonly groups?: readonly string[];
  };
}

/** Someone above the caller in its lineage; besides its kind at least one field. */
export interface TestAncestor extends TestIdentity {
  /** What it is. Only agents narrow what their children may do. */
  readonly kind: "agent" | "person" | "ci" | "controller";
  /** A service account of the cluster. */
  readonly serviceAccount?: {
    /** Its namespace. */
    readonly namespace: string;
    /** Its name. */
    readonly name: string;
  };
  /** An OpenID Connect token. */
  readonly oidc?: {
    /** Name of the IdentityProvider it comes from. */
    readonly provider: string;
    /** Its claims. Example: `{repository: acme/reports}`. */
    readonly claims?: Readonly<Record<string, string>>;
  };
  /** A person. */
  readonly user?: {
    /** As the identity provider names them. Example: `ada@example.com`. */
    readonly name: string;
    /** Groups they are in. */
    readonly groups?: readonly string[];
  };
}

/** What is asked of a Kubernetes API, in the words of its own authorization. */
export interface KubernetesRequest {
  /** The verb. Example: `list`. */
  readonly verb: "get" | "list" | "watch" | "create" | "update" | "patch" | "delete" | "deletecollection";
  /** The resource with its group and subresource: `pods`, `pods/log`, `deployments.apps/scale`. */
  readonly resource?: string;
  /** Its namespace; left out: what has none, or a list over all. Example: `shop`. */
  readonly namespace?: string;
  /** The object's name, where the request says it. Example: `web`. */
  readonly name?: string;
  /** A path that is no resource. Example: `/metrics`. */
  readonly path?: string;
}

/** What is asked of PostgreSQL. */
export interface PostgresRequest {
  /** The text, as a client would send it. Example: `select * from public.orders where id = 7`. */
  readonly statement: string;
  /** The session's schemas in order; left out: `[public]`. */
  readonly searchPath?: readonly string[];
}

export type Kind =
  | ClusterSecretAccessPolicy
  | Connection
  | IdentityProvider
  | SecretAccessPolicy
  | WorkloadController
  | Gateway
  | PolicyTest;
