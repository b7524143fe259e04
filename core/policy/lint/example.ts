/** Completes the short examples that lints carry, so that each shows only what it is about. */

/** Whole documents stay as they are; a bare spec becomes a policy, with a connection for it. */
export function exampleDocuments(text: string): string {
  if (/^kind:/m.test(text)) return text;
  const missing = DEFAULTS.filter(([field]) => !new RegExp(`^${field}:`, "m").test(text)).map(
    ([, line]) => line,
  );
  const spec = [...missing, ...text.trim().split("\n")].map((line) => `  ${line}`).join("\n");
  return `${CONNECTION}---
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: reporting, namespace: shop }
spec:
${spec}
`;
}

const DEFAULTS = [
  ["subjects", "subjects: [{ serviceAccount: { name: reporter } }]"],
  ["connections", "connections: { names: [orders-db] }"],
] as const;

const CONNECTION = `apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: orders-db, namespace: shop }
spec:
  protocol: postgres
  address: { host: orders.db.example, port: 5432 }
  credential:
    mode: static
    source: { secret: { name: orders-db, key: password } }
  postgres: { database: orders, user: app }
`;
