/** The gateways that are measured, as a user would write them down. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gatewayKind } from "../listener.ts";
import { DATABASE, ROLE } from "./schema.ts";

export interface GatewayKind {
  /** One word. */
  readonly name: string;
  readonly workers: number;
  /** To the client and to the server. */
  readonly tls: boolean;
  /** Measured once more through the Connection whose reads are durable on record before they are forwarded. */
  readonly alsoStrict: boolean;
}

/** Connections, and their listeners; both lead to the same database under the same policy. */
export const RUN_AHEAD = "bench";
export const DURABLE_FIRST = "bench-durable-first";

/** All of them have the policy, the trail and the redaction of two columns. */
export const GATEWAYS = {
  one: { name: "gateway", workers: 1, tls: false, alsoStrict: true },
  two: { name: "gateway-2-workers", workers: 2, tls: false, alsoStrict: false },
  tls: { name: "gateway-tls", workers: 1, tls: true, alsoStrict: false },
} as const satisfies Record<string, GatewayKind>;

export interface Surroundings {
  readonly token: string;
  readonly password: string;
  readonly port: number;
  readonly authorityFile: string;
  readonly provider: string;
}

export const SESSIONS_MAX = 10_000;

export async function gatewayFiles(kind: GatewayKind, config: string, around: Surroundings): Promise<void> {
  const files = {
    "connection.yaml": connection(RUN_AHEAD, kind, around),
    ...(kind.alsoStrict ? { "durable-first.yaml": connection(DURABLE_FIRST, kind, around) } : {}),
    "provider.yaml": around.provider,
    "policy.yaml": POLICY,
    "gateway.yaml": gatewayKind(around.token, connectionsOf(kind)),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), text);
}

function connectionsOf({ alsoStrict }: GatewayKind): readonly string[] {
  return alsoStrict ? [RUN_AHEAD, DURABLE_FIRST] : [RUN_AHEAD];
}

const POLICY = `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: bench, namespace: bench }
spec:
  subjects: [{ oidc: { provider: bench } }]
  connections: { names: [${RUN_AHEAD}, ${DURABLE_FIRST}] }
  allow:
    - name: work
      postgres: { statements: [read], tables: [public.accounts, public.bulk] }
  mask:
    - postgres:
        columns: [public.accounts.email, public.accounts.phone, public.bulk.email, public.bulk.phone]
  limits: { concurrentSessions: ${SESSIONS_MAX} }
`;

function connection(
  name: string,
  { tls }: GatewayKind,
  { port, password, authorityFile }: Surroundings,
): string {
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: ${name}, namespace: bench }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${port} }
  tls: ${tls ? `{ mode: verify-full, ca: { file: ${authorityFile} } }` : "{ mode: disable }"}
  credential: { mode: static, source: { file: { path: ${password} } } }
  postgres: { database: ${DATABASE}, user: ${ROLE} }
  trail: { reads: ${name === DURABLE_FIRST ? "durableFirst" : "runAhead"} }
`;
}
