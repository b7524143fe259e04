/** What the drivers are asked to do. Each row is one line of the matrix in docs/drivers.md, and a function of that name in each program. */

export const GROUPS = {
  connecting: "Connecting",
  asking: "Statements",
  moving: "Many rows",
  transactions: "Transactions",
  hearing: "What the server says by itself",
  objects: "Large objects",
  ending: "Stopping and losing",
  looking: "Looking at the schema",
  orm: "Object-relational mapping",
} as const;

export type Group = keyof typeof GROUPS;

export interface Feature {
  readonly group: Group;
  readonly says: string;
}

export const FEATURES = {
  "tls-disable": { group: "connecting", says: "`sslmode=disable`" },
  "tls-allow": { group: "connecting", says: "`sslmode=allow`: in the clear first" },
  "tls-prefer": { group: "connecting", says: "`sslmode=prefer`" },
  "tls-require": { group: "connecting", says: "`sslmode=require`" },
  "tls-verify-ca": { group: "connecting", says: "`sslmode=verify-ca`" },
  "tls-verify-full": { group: "connecting", says: "`sslmode=verify-full`" },
  "tls-wrong-authority": { group: "connecting", says: "a certificate of another authority is turned down" },
  "tls-wrong-name": { group: "connecting", says: "a certificate for another name is turned down" },
  "tls-direct": { group: "connecting", says: "TLS from the first byte (`sslnegotiation=direct`)" },
  "clear-on-loopback": { group: "connecting", says: "neither TLS nor password, on a loopback port" },
  "unix-socket": { group: "connecting", says: "neither TLS nor password, on a unix socket" },
  "channel-binding-prefer": { group: "connecting", says: "`channel_binding=prefer`" },
  "channel-binding-require": { group: "connecting", says: "`channel_binding=require`" },
  "wrong-password": { group: "connecting", says: "a wrong password is refused as one" },
  "multi-host": { group: "connecting", says: "several hosts, the first of which is down" },
  "multi-host-writable": {
    group: "connecting",
    says: "several hosts, the first of which is read-only, and a session that writes",
  },
  "target-unmet": { group: "connecting", says: "a standby is wanted, and there is none" },
  "startup-options": {
    group: "connecting",
    says: "settings at the start (`options=-c statement_timeout=…`, time zone, search path)",
  },
  "startup-unsafe": { group: "connecting", says: "`work_mem` at the start" },
  "application-name": { group: "connecting", says: "`application_name`" },
  "client-encoding": { group: "connecting", says: "texts in LATIN1" },
  "protocol-newest": { group: "connecting", says: "protocol 3.2, where the server has it" },
  replication: { group: "connecting", says: "a replication connection" },
  "connect-timeout": { group: "connecting", says: "gives up on a server that accepts and never answers" },

  several: { group: "asking", says: "several statements in one text" },
  parameters: { group: "asking", says: "parameters and results of many types" },
  simple: { group: "asking", says: "the simple protocol" },
  prepared: { group: "asking", says: "one statement, prepared and run many times" },
  "prepared-after-ddl": { group: "asking", says: "a prepared statement whose table changes" },
  types: { group: "asking", says: "an enum and a composite type, looked up in the catalog" },
  "big-value": { group: "asking", says: "a value of 8 MB, there and back" },
  errors: { group: "asking", says: "the fields of an error" },

  batch: { group: "moving", says: "a batch" },
  "batch-error": { group: "moving", says: "an error inside of a batch" },
  pipeline: { group: "moving", says: "many statements in flight" },
  "pipeline-error": { group: "moving", says: "an error between statements in flight" },
  cursor: { group: "moving", says: "a cursor, some hundred rows at a time" },
  "cursor-hold": { group: "moving", says: "a cursor that outlives its transaction, back and forth" },
  stream: { group: "moving", says: "20,000 rows as a stream" },
  "stream-left": { group: "moving", says: "a stream that is left in the middle" },
  "copy-in": { group: "moving", says: "COPY from the client" },
  "copy-out": { group: "moving", says: "COPY to the client" },
  "copy-binary": { group: "moving", says: "COPY in binary, both ways" },
  "copy-bad-row": { group: "moving", says: "COPY of a row that the server refuses" },
  "copy-abandoned": { group: "moving", says: "COPY that the client gives up" },

  transactions: { group: "transactions", says: "commit, rollback, an error in the middle" },
  savepoints: { group: "transactions", says: "savepoints" },
  isolation: { group: "transactions", says: "serializable, read only" },
  "two-phase": { group: "transactions", says: "two-phase commit" },

  listen: { group: "hearing", says: "LISTEN and NOTIFY" },
  "listen-again": { group: "hearing", says: "LISTEN, a lost connection, and LISTEN again" },
  notices: { group: "hearing", says: "warnings of the server" },

  "large-objects": { group: "objects", says: "under rules that name tables" },
  "large-objects-any": { group: "objects", says: "under `statements: [any]`" },

  cancel: { group: "ending", says: "cancel of a statement that runs" },
  "cancel-streaming": { group: "ending", says: "cancel while rows arrive" },
  "statement-timeout": { group: "ending", says: "`statement_timeout`" },
  "client-timeout": { group: "ending", says: "the driver's own timeout of a statement" },
  "connection-lost": { group: "ending", says: "a connection that the server ends" },
  "reconnect-under-load": {
    group: "ending",
    says: "a pool under load whose connections are all ended, three times over",
  },
  "pool-reset": { group: "ending", says: "a pooled connection that is used again" },

  introspection: { group: "looking", says: "tables, columns, keys and indexes" },

  "orm-relations": { group: "orm", says: "objects with their relations, written and read" },
  "orm-schema": { group: "orm", says: "tables made from its models" },
} as const satisfies Record<string, Feature>;

export type FeatureId = keyof typeof FEATURES;

export const FEATURE_IDS = Object.keys(FEATURES) as readonly FeatureId[];
