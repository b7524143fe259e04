/** A directory with files of a test's own, gone when the test is. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";

export function directoryWith(context: TestContext, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(tmpdir(), "sallyport-cli-"));
  context.after(() => rmSync(directory, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    const path = join(directory, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  }
  return directory;
}

export const CONNECTION = `apiVersion: sallyport.dev/v1alpha1
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

export const POLICY = `apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: { name: reporting, namespace: shop }
spec:
  subjects: [{ serviceAccount: { name: reporter } }]
  connections: { names: [orders-db] }
  allow:
    - name: read-orders
      postgres: { statements: [read], tables: [public.orders] }
  deny:
    - name: no-dumps
      reason: Narrow it with a WHERE.
      postgres: { statements: [read], unfiltered: true }
  mask:
    - postgres: { columns: [public.orders.email] }
  limits: { rows: 100 }
`;

/** One case on the files above; `expect` in YAML's flow form. */
export function testWith(
  expect: string,
  statement = "select total from orders where id = 1",
  more = "",
): string {
  return `apiVersion: sallyport.dev/v1alpha1
kind: PolicyTest
metadata: { name: orders }
spec:
  cases:
    - name: one question
      subject: { serviceAccount: { namespace: shop, name: reporter } }
      connection: { namespace: shop, name: orders-db }
      postgres: { statement: ${JSON.stringify(statement)} }
      expect: ${expect}
${more}`;
}
