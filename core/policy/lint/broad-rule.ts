import type { Finding, Lint } from "./lint.ts";
import { verbsOf, WRITE_VERBS } from "./cover.ts";
import { finding, type PlacedRule } from "./world.ts";

export const broadRule: Lint = {
  title: "the rule allows more than anyone means to allow",
  why:
    "`statements: [any]` passes what nobody has analysed: procedures, password changes, files of the server. Writes " +
    "without a list of tables, or on `*.*`, reach tables that do not exist yet. List what the agent needs today; " +
    "widening a rule later is one line in a pull request.",
  find: (world) =>
    world.rules
      .filter(({ effect }) => effect === "allow")
      .flatMap((rule) => [...breadthOf(rule), ...everyFunction(rule)]),
  wrong: `
allow:
  - name: everything
    postgres: { statements: [read, insert, update, delete], tables: ["*.*"] }
`,
  right: `
allow:
  - name: work-on-orders
    postgres: { statements: [read, insert, update, delete], tables: [public.orders] }
`,
};

function breadthOf({ policy, rule, path }: PlacedRule): Finding[] {
  const verbs = verbsOf(rule.postgres);
  if (verbs.includes("any")) {
    return [
      finding(
        policy,
        [...path, "postgres", "statements"],
        `rule "${rule.name}" passes statements that nobody analysed, on every table; name the statements instead of any`,
      ),
    ];
  }
  const writes = verbs.filter((verb) => WRITE_VERBS.has(verb));
  if (writes.length === 0) return [];
  const tables = rule.postgres?.tables;
  const star = tables?.findIndex((pattern) => pattern === "*.*") ?? -1;
  if (tables !== undefined && star === -1) return [];
  return [
    finding(
      policy,
      tables === undefined ? path : [...path, "postgres", "tables", star],
      `rule "${rule.name}" allows ${writes.join(", ")} on every table of every schema; list the tables, or at least the schema`,
    ),
  ];
}

/** Stock functions by a star: among them are some that end other people's sessions. */
function everyFunction({ policy, rule, path }: PlacedRule): Finding[] {
  return (rule.postgres?.functions ?? []).flatMap((pattern, index) => {
    if (pattern !== "*.*" && pattern !== "pg_catalog.*") return [];
    const message = `rule "${rule.name}" vouches for every function of ${pattern}, so also pg_terminate_backend; list those it needs`;
    return [finding(policy, [...path, "postgres", "functions", index], message)];
  });
}
