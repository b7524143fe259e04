/** What rules permit and refuse, by example; each that passes has its twin that does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { PostgresPermission } from "#core/api/kinds.gen.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import {
  access,
  allow,
  answer,
  call,
  deny,
  doubtful,
  factsOf,
  guardrail,
  policy,
  read,
  write,
} from "./examples.ts";
import { request, statement } from "./request-arbitraries.ts";

const BEGIN = request([
  statement({ class: "transaction", accesses: [{ verb: "transaction", unfiltered: false }] }),
]);
const SELECT_1 = request([statement({})]);
const OPEN_SESSION = request([]);

function allowing(...permissions: readonly PostgresPermission[]): (asked: PostgresRequest) => string {
  const rules = permissions.map((permission, at) => allow(`r${at}`, permission));
  return (asked) => answer([policy("p", { allow: rules })], factsOf({ request: asked }));
}

/** Everything is allowed but what the rule denies. */
function denying(
  permission: PostgresPermission,
  allowed: PostgresPermission = { statements: ["any"] },
): (asked: PostgresRequest) => string {
  const rules = { allow: [allow("all", allowed)], deny: [deny("no", permission)] };
  return (asked) => answer([policy("p", rules)], factsOf({ request: asked }));
}

test("nothing is allowed by default", () => {
  assert.equal(answer([], factsOf({ request: read("public.t") })), "DENY_NO_POLICY");
  assert.equal(allowing({ preset: "readOnly" })(read("public.t")), "ALLOWED by p/r0");
});

test("a rule allows the tables that it names, and a pattern every table of its schema", () => {
  const ask = allowing({ statements: ["read"], tables: ["public.orders", "reporting.*"] });
  assert.equal(ask(read("public.orders")), "ALLOWED by p/r0");
  assert.equal(ask(read("public.users")), "DENY_NO_RULE");
  assert.equal(ask(read("reporting.sums")), "ALLOWED by p/r0");
  assert.equal(ask(read("reporting2.sums")), "DENY_NO_RULE");
});

test("several rules may together cover a statement, as grants do; one uncovered part refuses it", () => {
  const ask = allowing(
    { statements: ["read"], tables: ["public.a"] },
    { statements: ["insert"], tables: ["public.b"] },
  );
  const insertSelect = (target: string, source: string): PostgresRequest =>
    request([statement({ class: "insert", accesses: [access("insert", target), access("read", source)] })]);
  assert.equal(ask(insertSelect("public.b", "public.a")), "ALLOWED by p/r0");
  assert.equal(ask(insertSelect("public.b", "public.b")), "DENY_NO_RULE");
  assert.equal(ask(insertSelect("public.a", "public.a")), "DENY_NO_RULE");
});

test("one refused statement refuses the whole string", () => {
  const ask = allowing({ preset: "readOnly" });
  const [select] = read("public.t").statements;
  const [drop] = write("ddl", "public.t").statements;
  assert.ok(select && drop);
  assert.equal(ask(request([select, select])), "ALLOWED by p/r0");
  assert.equal(ask(request([select, drop])), "DENY_NO_RULE");
  assert.equal(ask(request([drop, select])), "DENY_NO_RULE");
});

test("readOnly reads; writeOnly writes and never reads back", () => {
  const returning = request([
    statement({ class: "insert", accesses: [access("insert", "public.t"), access("read", "public.t")] }),
  ]);
  assert.equal(allowing({ preset: "readOnly" })(write("insert", "public.t")), "DENY_NO_RULE");
  assert.equal(allowing({ preset: "writeOnly" })(write("insert", "public.t")), "ALLOWED by p/r0");
  assert.equal(allowing({ preset: "writeOnly" })(returning), "DENY_NO_RULE");
  assert.equal(allowing({ preset: "writeOnly" }, { preset: "readOnly" })(returning), "ALLOWED by p/r0");
});

test("an act without a table is covered only by a rule without tables", () => {
  const notify = request([statement({ class: "notify", accesses: [{ verb: "notify", unfiltered: false }] })]);
  assert.equal(allowing({ statements: ["notify"] })(notify), "ALLOWED by p/r0");
  assert.equal(allowing({ statements: ["notify"], tables: ["*.*"] })(notify), "DENY_NO_RULE");
});

test("every table of a schema is covered only by a pattern as wide, and touched by any that overlaps", () => {
  const dropSchema = write("ddl", "public.*");
  assert.equal(allowing({ statements: ["ddl"], tables: ["public.*"] })(dropSchema), "ALLOWED by p/r0");
  assert.equal(
    allowing({ statements: ["ddl"], tables: ["public.a", "public.b"] })(dropSchema),
    "DENY_NO_RULE",
  );
  assert.equal(denying({ tables: ["public.b"] })(dropSchema), "DENY_RULE by p/no");
  assert.equal(denying({ tables: ["hr.*"] })(dropSchema), "ALLOWED by p/all");
});

test("a name that could be several tables needs all of them allowed, and is denied by one", () => {
  assert.equal(
    allowing({ preset: "readOnly", tables: ["a.t", "b.t"] })(read("a.t", "b.t")),
    "ALLOWED by p/r0",
  );
  assert.equal(allowing({ preset: "readOnly", tables: ["a.t"] })(read("a.t", "b.t")), "DENY_NO_RULE");
  assert.equal(denying({ tables: ["b.t"] })(read("a.t", "b.t")), "DENY_RULE by p/no");
});

test("a session's own temporary tables are judged like any other", () => {
  const temp = write("insert", "pg_temp.scratch");
  assert.equal(allowing({ preset: "writeOnly", tables: ["pg_temp.*"] })(temp), "ALLOWED by p/r0");
  assert.equal(allowing({ preset: "writeOnly", tables: ["public.*"] })(temp), "DENY_NO_RULE");
});

test("whoever has any rule may open a session, begin, and select 1; a stranger may not", () => {
  const ask = allowing({ preset: "writeOnly", tables: ["public.t"] });
  for (const asked of [OPEN_SESSION, BEGIN, SELECT_1]) {
    assert.equal(ask(asked), "ALLOWED by p/r0");
    assert.equal(answer([], factsOf({ request: asked })), "DENY_NO_POLICY");
    assert.equal(
      answer([policy("p", { deny: [deny("d", { tables: ["a.b"] })] })], factsOf({ request: asked })),
      "DENY_NO_RULE",
    );
  }
});

test("a deny rule can take away even that", () => {
  assert.equal(denying({ statements: ["transaction"] })(BEGIN), "DENY_RULE by p/no");
  assert.equal(denying({ statements: ["session"] })(BEGIN), "ALLOWED by p/all");
  assert.equal(denying({})(OPEN_SESSION), "DENY_RULE by p/no");
  assert.equal(denying({ statements: ["any"] })(OPEN_SESSION), "DENY_RULE by p/no");
  assert.equal(denying({ tables: ["*.*"] })(OPEN_SESSION), "ALLOWED by p/all");
});

test("what nobody understands passes only where everything is forwarded", () => {
  assert.equal(allowing({ statements: ["any"] })(doubtful()), "ALLOWED by p/r0");
  assert.equal(allowing({ statements: ["any"], tables: ["*.*"] })(doubtful()), "DENY_UNANALYSED");
  assert.equal(allowing({ statements: ["read", "insert", "ddl", "admin"] })(doubtful()), "DENY_UNANALYSED");
});

test("what nobody understands meets every deny rule, and the refusal does not blame it for what it says", () => {
  assert.equal(denying({ tables: ["hr.salaries"] })(doubtful()), "DENY_UNANALYSED by p/no");
  assert.equal(denying({ functions: ["public.f"] })(doubtful()), "DENY_UNANALYSED by p/no");
  assert.equal(denying({})(doubtful()), "DENY_RULE by p/no");
});

test("a statement that analysis says nothing of is not taken for harmless", () => {
  const silent = request([statement({ class: "ddl" })]);
  assert.equal(allowing({ statements: ["ddl", "read"] })(silent), "DENY_UNANALYSED");
  assert.equal(allowing({ statements: ["any"] })(silent), "ALLOWED by p/r0");
});

test("code is allowed by naming it, in every schema that it could come from", () => {
  const ask = allowing({ preset: "readOnly", functions: ["public.total", "util.*"] });
  assert.equal(ask(call("total", "public")), "ALLOWED by p/r0");
  assert.equal(ask(call("total", "public", "util")), "ALLOWED by p/r0");
  assert.equal(ask(call("total", "public", "other")), "DENY_NO_RULE");
  assert.equal(ask(call("other", "public")), "DENY_NO_RULE");
});

test("naming a function vouches for it against rules about tables; forwarding it unseen does not", () => {
  const named = { statements: ["read"], functions: ["public.total"] } satisfies PostgresPermission;
  assert.equal(denying({ tables: ["hr.*"] }, named)(call("total", "public")), "ALLOWED by p/all");
  assert.equal(denying({ tables: ["hr.*"] })(call("total", "public")), "DENY_UNANALYSED by p/no");
});

test("a deny rule that may mean a function refuses it, vouched for or not", () => {
  const named = { statements: ["read"], functions: ["public.*", "util.*"] } satisfies PostgresPermission;
  assert.equal(
    denying({ functions: ["util.total"] }, named)(call("total", "public", "util")),
    "DENY_RULE by p/no",
  );
  assert.equal(denying({ functions: ["util.total"] }, named)(call("total", "public")), "ALLOWED by p/all");
});

test("a deny rule about functions alone says nothing of tables", () => {
  assert.equal(denying({ functions: ["public.f"] })(read("public.t")), "ALLOWED by p/all");
  assert.equal(
    denying({ functions: ["public.f"], tables: ["public.t"] })(read("public.t")),
    "DENY_RULE by p/no",
  );
});

test("the operator * is not every operator", () => {
  const star = request([statement({ calls: [{ kind: "operator", schemas: ["public"], name: "*" }] })]);
  const plus = request([statement({ calls: [{ kind: "operator", schemas: ["public"], name: "+" }] })]);
  const ask = allowing({ preset: "readOnly", functions: ['public."*"'] });
  assert.equal(ask(star), "ALLOWED by p/r0");
  assert.equal(ask(plus), "DENY_NO_RULE");
  assert.equal(allowing({ preset: "readOnly", functions: ["public.*"] })(plus), "ALLOWED by p/r0");
});

test("unfiltered narrows any rule to statements that nothing narrows, or to those that something does", () => {
  const all = request([statement({ accesses: [access("read", "public.t", true)] })]);
  const some = request([statement({ accesses: [access("read", "public.t", false)] })]);
  assert.equal(allowing({ preset: "readOnly" })(all), "ALLOWED by p/r0");
  assert.equal(allowing({ preset: "readOnly", unfiltered: false })(all), "DENY_NO_RULE");
  assert.equal(allowing({ preset: "readOnly", unfiltered: false })(some), "ALLOWED by p/r0");
  assert.equal(denying({ unfiltered: true })(all), "DENY_RULE by p/no");
  assert.equal(denying({ unfiltered: true })(some), "ALLOWED by p/all");
});

test("deny wins over ask, ask over allow, in whatever order they are written", () => {
  const rules = {
    allow: [allow("a", { preset: "readOnly" })],
    ask: [allow("q", { statements: ["read"], tables: ["public.*"] })],
  };
  const asked = factsOf({ request: read("public.t") });
  assert.equal(answer([policy("p", rules)], asked), "ASK_RULE by p/q");
  assert.equal(answer([policy("p", rules)], factsOf({ request: read("hr.t") })), "ALLOWED by p/a");
  assert.equal(
    answer([policy("p", { ...rules, deny: [deny("d", { tables: ["public.t"] })] })], asked),
    "DENY_RULE by p/d",
  );
});

test("an ask rule of a namespace is a way in of its own; a guardrail's only holds what is allowed", () => {
  const asked = factsOf({ request: write("delete", "public.t") });
  const ask = { ask: [allow("q", { statements: ["delete"] })] };
  const rail = guardrail("rail", { ask: [deny("q", { statements: ["delete"] })] });
  assert.equal(answer([policy("p", ask)], asked), "ASK_RULE by p/q");
  assert.equal(
    answer([policy("p", { allow: [allow("a", { preset: "readOnly" })] }), rail], asked),
    "DENY_NO_RULE",
  );
  assert.equal(
    answer([policy("p", { allow: [allow("a", { preset: "writeOnly" })] }), rail], asked),
    "ASK_RULE by rail/q",
  );
});

test("asking about everything does not ask about BEGIN, unless it is listed", () => {
  const asking = (permission: PostgresPermission): string =>
    answer([policy("p", { ask: [allow("q", permission)] })], factsOf({ request: BEGIN }));
  assert.equal(asking({ statements: ["any"] }), "ALLOWED by p/q");
  assert.equal(asking({ statements: ["transaction", "read"] }), "ASK_RULE by p/q");
});
