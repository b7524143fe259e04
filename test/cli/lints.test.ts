import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadKinds } from "#core/api/load.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { exampleDocuments } from "#core/policy/lint/example.ts";
import { type CodedFinding, type LintCode, LINTS, lintKinds } from "#core/policy/lint/index.ts";
import { configurationOf } from "#cli/configuration.ts";
import { NOW_MS } from "./harness.ts";

function load(example: string): { readonly text: string; readonly loaded: Loaded } {
  const text = exampleDocuments(example);
  const loaded = loadKinds([{ path: "example.yaml", text }]);
  const errors = loaded.diagnostics.filter(({ severity }) => severity === "error");
  assert.deepEqual(errors, [], text);
  return { text, loaded };
}

function lint(example: string): readonly CodedFinding[] {
  return lintKinds({ loaded: load(example).loaded, nowMs: NOW_MS });
}

const codes = Object.keys(LINTS) as LintCode[];

for (const code of codes) {
  describe(code, () => {
    const { wrong, right } = LINTS[code];

    test("finds its own wrong example", () => {
      const found = lint(wrong).filter((finding) => finding.code === code);
      assert.equal(found.length, 1, `found ${found.length}`);
    });

    test("has nothing to say about its right one, and neither has any other lint", () => {
      assert.deepEqual(lint(right), []);
    });

    test("points at a place that is there", () => {
      const { text, loaded } = load(wrong);
      const { placeOf } = configurationOf([{ path: "example.yaml", text }], loaded);
      for (const { object, path } of lint(wrong)) {
        const place = placeOf(object, path);
        assert.ok(place);
        const line = text.split("\n")[place.line - 1]?.slice(place.column - 1) ?? "";
        const last = path.at(-1);
        if (typeof last === "string")
          assert.ok(line.startsWith(last), `${path.join(".")} is not at: ${line}`);
        else assert.match(line, /^(-|\S)/);
      }
    });

    test("speaks in sentences that fit a line of a review", () => {
      for (const { message } of lint(wrong)) {
        assert.match(message, /^[^.]/);
        assert.ok(message.length < 330, message);
      }
    });
  });
}

interface Sample {
  readonly name: string;
  readonly finds: readonly LintCode[];
  readonly spec: string;
}

/** Beyond the examples: what each lint must see through, and what it must not mistake. */
const samples: readonly Sample[] = [
  {
    name: "a deny rule for part of the statements shadows nothing",
    finds: [],
    spec: `
allow:
  - name: work
    postgres: { statements: [read, insert], tables: [public.orders] }
deny:
  - name: no-reading
    reason: Not here.
    postgres: { statements: [read] }
`,
  },
  {
    name: "a deny rule for unfiltered statements shadows nothing",
    finds: [],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
deny:
  - name: no-dumps
    reason: Narrow it.
    postgres: { statements: [read], unfiltered: true }
`,
  },
  {
    name: "a deny rule about functions shadows nothing",
    finds: [],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
deny:
  - name: no-purge
    reason: It deletes.
    postgres: { functions: [public.purge] }
`,
  },
  {
    name: "a deny rule about functions that only compute protects nothing, and says so of each",
    finds: ["NEVER_MATCHES", "NEVER_MATCHES"],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
deny:
  - name: no-version
    reason: It is nobody's business.
    postgres: { functions: [pg_catalog.version, pg_catalog.repeat, pg_catalog.pg_sleep, public.repeat] }
`,
  },
  {
    name: "a star for the functions of PostgreSQL itself takes in what ends sessions",
    finds: ["BROAD_RULE"],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders], functions: [public.*, pg_catalog.*] }
`,
  },
  {
    name: "an empty deny block shadows everything, asks included",
    finds: ["SHADOWED_RULE", "SHADOWED_RULE"],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
ask:
  - name: delete
    reason: Look at it.
    postgres: { statements: [delete], tables: [public.orders] }
deny:
  - name: closed
    reason: Closed for the move.
    postgres: {}
`,
  },
  {
    name: "a policy that is over shadows nothing, and leaves the connection to nobody",
    finds: ["EXPIRED_POLICY", "CONNECTION_WITHOUT_POLICY"],
    spec: `
expires: "2020-01-01T00:00:00Z"
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
deny:
  - name: closed
    reason: Closed for the move.
    postgres: { statements: [read] }
`,
  },
  {
    name: "rules that differ in delegate are not duplicates",
    finds: [],
    spec: `
allow:
  - name: read
    delegate: also
    postgres: { statements: [read], tables: [public.orders] }
  - name: read-and-hand-on-nothing
    postgres: { statements: [read], tables: [public.orders] }
`,
  },
  {
    name: "of two equal rules only the later one is too many",
    finds: ["DUPLICATE_RULE"],
    spec: `
allow:
  - name: one
    postgres: { preset: readOnly, tables: [public.orders] }
  - name: other
    postgres: { statements: [read], tables: [public.orders] }
`,
  },
  {
    name: "a narrower refusal with a reason of its own may stand beside a wider one",
    finds: [],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
deny:
  - name: no-writes
    reason: Reports write nothing.
    postgres: { statements: [insert, update, delete] }
  - name: no-ledger
    reason: Ask finance.
    postgres: { statements: [insert], tables: [ledger.entries] }
`,
  },
  {
    name: "writes without a list of tables are as broad as on all of them",
    finds: ["BROAD_RULE"],
    spec: `
allow:
  - name: write
    postgres: { preset: writeOnly }
`,
  },
  {
    name: "reading without a list of tables reads the password verifiers too",
    finds: ["LEAKY_RELATION"],
    spec: `
allow:
  - name: read
    postgres: { preset: readOnly }
`,
  },
  {
    name: "one leaky relation is named",
    finds: ["LEAKY_RELATION"],
    spec: `
allow:
  - name: read
    postgres: { preset: readOnly, tables: [public.orders, pg_catalog.pg_stats] }
`,
  },
  {
    name: "any is broad, and passes a masked column",
    finds: ["BROAD_RULE", "MASK_BYPASS"],
    spec: `
allow:
  - name: everything
    postgres: { statements: [any] }
mask:
  - postgres: { columns: [public.customers.email] }
`,
  },
  {
    name: "a function beside a masked table is a way around the mask",
    finds: ["MASK_BYPASS"],
    spec: `
allow:
  - name: read
    postgres: { statements: [read], tables: [public.customers], functions: [public.export_customers] }
mask:
  - postgres: { columns: ["*.*.email"] }
`,
  },
  {
    name: "a token of a provider without claims is everyone who has one",
    finds: ["BROAD_SUBJECT"],
    spec: `
subjects: [{ oidc: { provider: github } }]
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
`,
  },
  {
    name: "descendants may write when it is said who may stand behind them, and nobody hands anything on",
    finds: ["NOTHING_HANDED_ON"],
    spec: `
subjects: [{ descendantsOf: { serviceAccount: { name: planner } }, launchedBy: { group: sre } }]
allow:
  - name: write
    postgres: { statements: [insert], tables: [public.orders] }
`,
  },
  {
    name: "one possible statement is enough for a rule to match",
    finds: [],
    spec: `
ask:
  - name: change
    reason: Look at what changes.
    postgres: { statements: [insert, update], tables: [public.orders], unfiltered: true }
`,
  },
  {
    name: "a notice has no table, and a truncate is never filtered",
    finds: ["NEVER_MATCHES", "NEVER_MATCHES"],
    spec: `
allow:
  - name: notice
    postgres: { statements: [notify], tables: [public.orders] }
  - name: empty
    postgres: { statements: [truncate], tables: [public.orders], unfiltered: false }
`,
  },
  {
    name: "a controller known by a person's name does not exist, and a CI job by a service account neither",
    finds: ["IMPOSSIBLE_SUBJECT", "IMPOSSIBLE_SUBJECT"],
    spec: `
subjects:
  - { serviceAccount: { name: runner }, launchedBy: { kind: controller, user: alice@acme.example } }
  - { serviceAccount: { name: runner }, launchedBy: { kind: ci, serviceAccount: { name: runner } } }
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
`,
  },
  {
    name: "a CI job has the name by which the API server knows it",
    finds: [],
    spec: `
subjects: [{ serviceAccount: { name: runner }, launchedBy: { kind: ci, user: "ci:acme/orders" } }]
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
`,
  },
];

describe("lints together", () => {
  for (const { name, finds, spec } of samples) {
    test(name, () => {
      assert.deepEqual(
        lint(spec).map(({ code }) => code),
        finds,
      );
    });
  }

  test("a policy on trial beside an enforcing guardrail opens nothing", () => {
    const onTrial = exampleDocuments("mode: observe\nlimits: { rows: 10 }");
    const guardrail = `---
apiVersion: sallyport.dev/v1alpha1
kind: ClusterSecretAccessPolicy
metadata: { name: limits }
spec: { limits: { rows: 10 } }
`;
    assert.deepEqual(
      lint(onTrial).map(({ code }) => code),
      ["OPEN_WHILE_OBSERVING"],
    );
    assert.deepEqual(lint(onTrial + guardrail), []);
  });

  test("an observing deny rule shadows nothing", () => {
    const allow = exampleDocuments(`
allow:
  - name: read
    postgres: { statements: [read], tables: [public.orders] }
`);
    const guardrail = (mode: string): string => `${allow}---
apiVersion: sallyport.dev/v1alpha1
kind: ClusterSecretAccessPolicy
metadata: { name: closed }
spec:
  mode: ${mode}
  deny:
    - name: closed
      reason: Closed for the move.
      postgres: {}
`;
    assert.deepEqual(lint(guardrail("observe")), []);
    assert.deepEqual(
      lint(guardrail("enforce")).map(({ code }) => code),
      ["SHADOWED_RULE"],
    );
  });
});
