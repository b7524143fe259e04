/** A few policies in their own YAML, and what they decide of a statement. */
import assert from "node:assert/strict";
import { loadKinds } from "#core/api/load.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import type { Decision } from "#core/policy/decision.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";

/** One database, whose own password the gateway has. */
export const CONNECTION = `
apiVersion: sallyport.dev/v1alpha1
kind: Connection
metadata: {name: orders, namespace: shop}
spec:
  protocol: postgres
  address: {host: db.example.com, port: 5432}
  credential: {mode: static, source: {env: {name: ORDERS_PASSWORD}}}
  postgres: {database: shop, user: reporter}
`;

/** A policy for the service account `agent`, with this much of its spec. */
export function policy(spec: string, name = "agents"): string {
  const lines = spec.trim().replaceAll(/^/gm, "  ");
  return `
apiVersion: sallyport.dev/v1alpha1
kind: SecretAccessPolicy
metadata: {name: ${name}, namespace: shop}
spec:
  subjects: [{serviceAccount: {name: agent}}]
  connections: {names: [orders]}
${lines}
`;
}

export async function decideStatement(
  documents: readonly string[],
  sql: string,
  nowMs: number = Date.UTC(2026, 0, 1),
): Promise<Decision> {
  const text = [CONNECTION, ...documents].join("---");
  const { connections, policies, diagnostics } = loadKinds([{ path: "limits.yaml", text }]);
  assert.deepEqual(
    diagnostics.filter(({ severity }) => severity === "error"),
    [],
  );
  await using analyst = openAnalyst();
  const request = await analyst.analyse(sql, {
    searchPath: ["public"],
    searchPathAfterTransaction: ["public"],
    prepared: () => undefined,
    cursor: () => undefined,
    catalog: stockCatalog(18),
  });
  return decide(compile({ connections, policies }), {
    caller: { identity: { serviceAccount: { namespace: "shop", name: "agent" } }, ancestors: [] },
    connection: { namespace: "shop", name: "orders" },
    nowMs,
    request,
  });
}
