/** Completes the short examples that lints carry, so that each shows only what it is about. */

/** Whole documents stay as they are; a bare spec becomes a policy, with a connection for it. */
export function exampleDocuments(text: string): string {
  if (/^kind:/m.test(text)) return text;
  const missing = DEFAULTS.filter(([field]) => !new RegExp(`^${field}:`, "m").test(text)).map(
    ([, line]) => line,
  );
  const spec = [...missing, ...text.trim().split("\n")].map((line) => `  ${line}`).join("\n");
  return `${exampleConnection()}---
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

const STATIC = `
    mode: static
    source: { secret: { name: orders-db, key: password } }`;

/** The connection of every example, with what an example is about in its place. */
export function exampleConnection(postgres = "{ database: orders, user: app }", credential = STATIC): string {
  return `apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: { name: orders-db, namespace: shop }
spec:
  protocol: postgres
  address: { host: orders.db.example, port: 5432 }
  credential:${credential}
  postgres: ${postgres}
`;
}
