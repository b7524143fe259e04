/** What benches ask for, under the policy by which they ask: two columns of each table are redacted. */

export const DATABASE = "bench";
export const ROLE = "bench_agent";

export interface Sizes {
  readonly accounts: number;
  readonly bulkRows: number;
  /** Filled sooner where it is not; a crash of the server loses it. */
  readonly isBulkLogged: boolean;
}

/**
 * `contact` and `mobile` hold what `email` and `phone` hold, and no mask: an answer of the same size that needs none.
 */
export const schemaOf = ({ accounts, bulkRows, isBulkLogged }: Sizes): string => `
  create role ${ROLE} login;
  create table accounts (id int primary key, owner text not null, email text not null, phone text not null, balance int not null);
  insert into accounts
  select i, 'owner ' || i, 'owner' || i || '@example.com', '+49 30 ' || 1000000 + i, i % 1000 from generate_series(1, ${accounts}) i;
  create ${isBulkLogged ? "" : "unlogged "}table bulk (id int, owner text, email text, phone text, contact text, mobile text, note text);
  insert into bulk
  select i, 'owner ' || i, mail, call, mail, call, repeat('x', 113)
  from generate_series(1, ${bulkRows}) i,
    lateral (select 'owner' || i || '@example.com' as mail, '+49 30 ' || 1000000 + i as call);
  grant select on accounts, bulk to ${ROLE};`;

export interface ConnectionOptions {
  readonly name: string;
  readonly port: number;
  readonly passwordFile: string;
  /** Of the authority that the server's certificate is of; without it nothing is encrypted. */
  readonly authorityFile?: string;
  readonly reads?: "runAhead" | "durableFirst";
}

export const connectionOf = ({
  name,
  port,
  passwordFile,
  authorityFile,
  reads = "runAhead",
}: ConnectionOptions): string => `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: ${name}, namespace: bench }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: ${port} }
  tls: ${authorityFile === undefined ? "{ mode: disable }" : `{ mode: verify-full, ca: { file: ${authorityFile} } }`}
  credential: { mode: static, source: { file: { path: ${passwordFile} } } }
  postgres: { database: ${DATABASE}, user: ${ROLE} }
  trail: { reads: ${reads} }
`;

export const policyOf = (connections: readonly string[], sessionsMax: number): string => `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: bench, namespace: bench }
spec:
  subjects: [{ oidc: { provider: bench } }]
  connections: { names: [${connections.join(", ")}] }
  allow:
    - name: work
      postgres: { statements: [read], tables: [public.accounts, public.bulk] }
  mask:
    - postgres:
        columns: [public.accounts.email, public.accounts.phone, public.bulk.email, public.bulk.phone]
  limits: { concurrentSessions: ${sessionsMax} }
`;
