/** One request and its answers for every operation: what the golden transcripts of version 1 hold. */
import type { AnswerOf, CallOperation, RequestOf, TellOperation } from "#core/port/operations.ts";
import type { PlanPush, Push } from "#core/port/port.ts";
import { refusal } from "#core/values/refusal.ts";

const SESSION = "AAECAwQFBgcICQoLDA0ODw";
const bytes = (length: number, from: number): Uint8Array =>
  Uint8Array.from({ length }, (_, index) => (from + index) % 256);

type CallSamples = {
  readonly [O in CallOperation]: {
    readonly request: RequestOf<O>;
    readonly answers: readonly [AnswerOf<O>, ...AnswerOf<O>[]];
    /** By what tells them from the first. */
    readonly otherRequests?: Readonly<Record<string, RequestOf<O>>>;
  };
};

/** Made anew each time: some of the bytes are wiped by whoever receives them. */
export const callSamples = (): CallSamples => ({
  hello: {
    request: { versions: [1], worker: "worker-1", run: "run-1" },
    answers: [
      { version: 1, broker: "broker-1" },
      refusal("NOT_SUPPORTED", "this broker speaks other versions"),
      { version: 1, broker: "broker-1", run: "broker-run-1" },
    ],
  },
  identify: {
    request: {
      session: SESSION,
      listener: "clients",
      evidence: { kind: "token", token: Buffer.from("eyJhbGciOiJFUzI1NiJ9.e30.c2ln") },
    },
    answers: [
      {
        caller: {
          identity: {
            oidc: {
              provider: "github-actions",
              claims: { repository: "acme/reports", run_attempt: 2, ref_protected: true, groups: ["a", "b"] },
            },
          },
          ancestors: [
            { kind: "agent", identity: { serviceAccount: { namespace: "agents", name: "planner" } } },
            { kind: "person", identity: { user: { name: "ada@example.com", groups: ["data"] } } },
          ],
        },
        digestKey: bytes(32, 7),
        expiresMs: 1_800_000_000_000,
      },
      refusal("IDENTITY_EXPIRED"),
    ],
  },
  exchange: {
    request: {
      session: SESSION,
      connection: { namespace: "prod", name: "orders" },
      concurrentSessionsMax: 4,
    },
    answers: [
      { lease: "lease-1", user: "sp_reporter_1", expiresMs: 1_800_000_300_000 },
      refusal("LIMIT_CONCURRENT_SESSIONS"),
    ],
    otherRequests: {
      moved: {
        session: SESSION,
        connection: { namespace: "prod", name: "orders" },
        user: "sp_reporter_1",
      },
    },
  },
  renew: {
    request: { lease: "lease-1" },
    answers: [
      { lease: "lease-1", user: "sp_reporter_1", expiresMs: 1_800_000_600_000 },
      refusal("LEASE_ENDED"),
    ],
  },
  release: { request: { lease: "lease-1" }, answers: [undefined] },
  prove: {
    request: {
      lease: "lease-1",
      challenge: {
        kind: "scram-sha-256",
        clientFirstBare: "n=,r=fyko+d2lbbFgONRv9qkxdawL",
        serverFirst: "r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        channelBinding: Buffer.from("n,,"),
      },
    },
    answers: [
      {
        kind: "scram-sha-256",
        clientFinal: "c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        serverSignature: bytes(32, 99),
      },
      refusal("CREDENTIAL_UNAVAILABLE"),
      { kind: "md5", response: Buffer.from("md5c2c5f0d2b9e9b2d8a1f6f7c3d4e5a6b7") },
      { kind: "cleartext", password: Buffer.from("hunter2 ünd mehr") },
      { kind: "bearer", token: Buffer.from("eyJhbGciOiJSUzI1NiJ9.e30.c2ln"), expiresMs: 1_800_000_600_000 },
      { kind: "bearer", token: Buffer.from("opaque") },
    ],
    otherRequests: {
      md5: {
        lease: "lease-1",
        challenge: { kind: "md5", user: "orders_reader", salt: Buffer.from([1, 0, 255, 4]) },
      },
      cleartext: { lease: "lease-1", challenge: { kind: "cleartext" } },
      bearer: { lease: "lease-1", challenge: { kind: "bearer" } },
    },
  },
  hold: {
    request: { session: SESSION, question: "delete from orders where id = 7" },
    answers: ["approved", refusal("ASK_NOT_AVAILABLE", undefined, "prod-writes/big-deletes")],
  },
  append: {
    request: {
      batch: [
        {
          session: SESSION,
          seq: 0,
          previous: bytes(32, 1),
          hash: bytes(32, 2),
          leaf: Buffer.from('{"v":1}'),
        },
        {
          session: SESSION,
          seq: 1,
          previous: bytes(32, 2),
          hash: bytes(32, 3),
          leaf: Buffer.from('{"v":1}'),
          payload: Buffer.from("select 1"),
        },
      ],
    },
    answers: [
      [{ session: SESSION, seq: 1 }],
      [{ session: SESSION, refusal: refusal("TRAIL_BROKEN") }],
      refusal("TRAIL_UNAVAILABLE"),
    ],
  },
});

export const tellSamples: { readonly [O in TellOperation]: RequestOf<O> } = {
  applied: { worker: "worker-1", planVersion: "sha256:1f" },
  report: {
    worker: "worker-1",
    planVersion: "sha256:1f",
    sessions: [
      {
        session: SESSION,
        connection: { namespace: "prod", name: "orders" },
        caller: "agents/reporter",
        sinceMs: 1_799_999_999_000,
        statements: 12,
        rows: 340,
      },
    ],
  },
};

export const planSample: PlanPush = {
  kind: "plan",
  version: "sha256:1f",
  connections: [
    {
      metadata: { name: "orders", namespace: "prod", labels: { tier: "reporting" } },
      spec: {
        protocol: "postgres",
        address: { host: "orders.db.example.com", port: 5432 },
        postgres: { database: "orders" },
        tls: { mode: "verify-full", caPem: "-----BEGIN CERTIFICATE-----\n…" },
      },
    },
  ],
  policies: [
    {
      state: "good",
      origin: "policies/readers.yaml",
      policy: {
        apiVersion: "sallyport.dev/v1alpha1",
        kind: "SecretAccessPolicy",
        metadata: { name: "readers", namespace: "prod" },
        spec: {
          subjects: [{ serviceAccount: { namespace: "agents", name: "reporter" } }],
          connections: { names: ["orders"] },
          allow: [{ name: "reads", postgres: { preset: "readOnly" } }],
        },
      },
    },
    {
      state: "broken",
      origin: "policies/broken.yaml",
      reach: { scope: "namespace", namespace: "prod" },
      diagnostics: [
        {
          severity: "error",
          code: "WRONG_TYPE",
          file: "policies/broken.yaml",
          line: 3,
          column: 1,
          path: "spec",
          message: "expected an object",
        },
      ],
    },
  ],
};

export const pushSamples: readonly Push[] = [
  planSample,
  { kind: "revoked", session: SESSION, refusal: refusal("REVOKED", "the run was cancelled") },
];
