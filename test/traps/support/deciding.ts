/** What a policy decides of many statements, over one parser. */
import { loadKinds } from "#core/api/load.ts";
import { compile } from "#core/policy/compile.ts";
import { decide } from "#core/policy/decide.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { CONNECTION, policy } from "#test/limits/world.ts";

export interface Deciding extends AsyncDisposable {
  outcome(text: string): Promise<string>;
}

/** For the service account `agent`, under a policy with that much of its spec. */
export function decider(spec: string): Deciding {
  const files = [{ path: "traps.yaml", text: `${CONNECTION}---${policy(spec)}` }];
  const { connections, policies } = loadKinds(files);
  const compiled = compile({ connections, policies });
  const analyst = openAnalyst();
  return {
    async outcome(text) {
      const request = await analyst.analyse(text, {
        searchPath: ["public"],
        searchPathAfterTransaction: ["public"],
        prepared: () => undefined,
        cursor: () => undefined,
        catalog: stockCatalog(18),
      });
      return decide(compiled, {
        caller: { identity: { serviceAccount: { namespace: "shop", name: "agent" } }, ancestors: [] },
        connection: { namespace: "shop", name: "orders" },
        nowMs: Date.UTC(2026, 0, 1),
        request,
      }).outcome;
    },
    [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
  };
}
