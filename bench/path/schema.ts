/** A database like that of the other benches, and small enough to be had at once. */
export const DATABASE = "bench";
export const BULK_ROWS = 20_000;
export const ROLE = "bench_agent";

export const SCHEMA = `
  create role ${ROLE} login;
  create table accounts (id int primary key, owner text not null, email text not null, phone text not null, balance int not null);
  insert into accounts
  select i, 'owner ' || i, 'owner' || i || '@example.com', '+49 30 ' || 1000000 + i, i % 1000 from generate_series(1, 1000) i;
  create table bulk (id int, owner text, email text, phone text, contact text, mobile text, note text);
  insert into bulk
  select i, 'owner ' || i, mail, call, mail, call, repeat('x', 113)
  from generate_series(1, ${BULK_ROWS}) i,
    lateral (select 'owner' || i || '@example.com' as mail, '+49 30 ' || 1000000 + i as call);
  grant select on accounts, bulk to ${ROLE}`;

export const POLICY = `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: bench, namespace: bench }
spec:
  protocol: postgres
  address: { host: 127.0.0.1, port: 5432 }
  tls: { mode: disable }
  credential: { mode: static, source: { file: { path: /password } } }
  postgres: { database: ${DATABASE}, user: ${ROLE} }
---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: bench, namespace: bench }
spec:
  subjects: [{ oidc: { provider: bench } }]
  connections: { names: [bench] }
  allow:
    - name: work
      postgres: { statements: [read], tables: [public.accounts, public.bulk] }
  mask:
    - postgres:
        columns: [public.accounts.email, public.accounts.phone, public.bulk.email, public.bulk.phone]
`;
