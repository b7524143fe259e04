/** What the agent of the drivers may do: as an application's own policy would say it. */
export const POLICIES = `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: application, namespace: test }
spec:
  subjects: [{ oidc: { provider: world, claims: { sub: agent } } }]
  connections: { names: [application, readonly, silent] }
  allow:
    - name: work
      postgres:
        statements: [read, insert, update, delete, truncate, copyIn, copyOut, lock, ddl]
        # A bare name of something new might be a temporary table, or one of a schema of the role's own.
        tables: [public.*, pg_temp.*, app_agent.*]
        functions: [pg_catalog.pg_sleep]
    - name: hear
      postgres: { statements: [notify] }
---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: anything, namespace: test }
spec:
  subjects: [{ oidc: { provider: world, claims: { sub: agent } } }]
  connections: { names: [anything] }
  allow:
    - name: whatever
      postgres: { statements: [any] }
`;
