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
  /** Measured once more, with what has to be durable on record before it is forwarded. */
  readonly alsoStrict: boolean;
}

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
    "connection.yaml": connection(kind, around),
    "provider.yaml": around.provider,
    "policy.yaml": POLICY,
    "gateway.yaml": gatewayKind(around.token),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(config, name), text);
}

const POLICY = `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: bench, namespace: bench }
spec:
  subjects: [{ oidc: { provider: bench } }]
  connections: { names: [bench] }
  allow:
    - name: work
      postgres: { statements: [read], tables: [public.accounts, public.bulk], functions: [public.steady] }
  mask:
    - postgres:
        columns: [public.accounts.email, public.accounts.phone, public.bulk.email, public.bulk.phone]
  limits: { concurrentSessions: ${SESSIONS_MAX} }
`;

function connection({ tls }: GatewayKind, { port, password, authorityFile }: Surroundings): string {
  return `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: bench, namespace: bench }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${port} }
  tls: ${tls ? `{ mode: verify-full, ca: { file: ${authorityFile} } }` : "{ mode: disable }"}
  credential: { mode: static, source: { file: { path: ${password} } } }
  postgres: { database: ${DATABASE}, user: ${ROLE} }
`;
}
