import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Identity } from "#core/policy/facts.ts";
import { readSearchPath } from "#cli/explaining/search-path.ts";
import {
  readAncestor,
  readConnection,
  readSubject,
  writeAncestor,
  writeSubject,
} from "#cli/explaining/subject.ts";

const reporter: Identity = { serviceAccount: { namespace: "shop", name: "reporter" } };

describe("subjects as people write them", () => {
  const forms: readonly [text: string, identity: Identity][] = [
    ["serviceaccount:shop/reporter", reporter],
    ["serviceAccount:shop/reporter", reporter],
    ["sa:shop/reporter", reporter],
    ["serviceaccount:shop:reporter", reporter],
    ["system:serviceaccount:shop:reporter", reporter],
    ["oidc:github", { oidc: { provider: "github", claims: {} } }],
    [
      "oidc:github,repository=acme/orders,ref=refs/heads/main",
      { oidc: { provider: "github", claims: { repository: "acme/orders", ref: "refs/heads/main" } } },
    ],
    [
      "oidc:corp,groups=a,groups=b,groups=c",
      { oidc: { provider: "corp", claims: { groups: ["a", "b", "c"] } } },
    ],
    [
      "oidc:corp,sub=x=y,name=Doe\\, Jane",
      { oidc: { provider: "corp", claims: { sub: "x=y", name: "Doe, Jane" } } },
    ],
    ["user:alice@acme.example", { user: { name: "alice@acme.example", groups: [] } }],
    ["user:alice,group=sre,group=on-call", { user: { name: "alice", groups: ["sre", "on-call"] } }],
  ];
  for (const [text, value] of forms) {
    test(text, () => {
      assert.deepEqual(readSubject(text), { ok: true, value });
      assert.deepEqual(readSubject(writeSubject(value)), { ok: true, value });
    });
  }

  const wrongs: readonly [text: string, message: RegExp][] = [
    ["shop/reporter", /"shop\/reporter" is not a subject; write serviceaccount:NAMESPACE\/NAME/],
    ["serviceacount:shop/reporter", /did you mean serviceaccount:shop\/reporter\?/],
    ["serviceaccount:reporter", /"reporter" does not name a service account/],
    ["serviceaccount:a/b/c", /does not name a service account/],
    ["oidc:repository=acme/orders", /starts with its provider/],
    ["oidc:", /starts with its provider/],
    ["oidc:github,main", /"main" is not a claim/],
    ["user:", /a user needs a name/],
    ["user:alice,role=admin", /"role=admin" does not belong to a user/],
    ["constructor:x", /is not a subject/],
  ];
  for (const [text, message] of wrongs) {
    test(`${text || "nothing"} is refused in words`, () => {
      const read = readSubject(text);
      assert.ok(!read.ok);
      assert.match(read.message, message);
    });
  }
});

describe("ancestors and connections", () => {
  test("an ancestor says what it is, then who", () => {
    assert.deepEqual(readAncestor("agent:serviceaccount:shop/reporter"), {
      ok: true,
      value: { kind: "agent", identity: reporter },
    });
    assert.deepEqual(readAncestor("Person:user:alice,group=sre"), {
      ok: true,
      value: { kind: "person", identity: { user: { name: "alice", groups: ["sre"] } } },
    });
    assert.equal(writeAncestor({ kind: "ci", identity: reporter }), "ci:serviceaccount:shop/reporter");
  });

  test("an ancestor without a kind, or without anybody, is refused", () => {
    assert.match(
      messageOf(readAncestor("serviceaccount:shop/reporter")),
      /write what it is before who it is/,
    );
    assert.match(messageOf(readAncestor("agent:")), /is not a subject/);
  });

  test("a connection is a namespace and a name", () => {
    assert.deepEqual(readConnection("shop/orders-db"), {
      ok: true,
      value: { namespace: "shop", name: "orders-db" },
    });
    for (const text of ["orders-db", "shop/", "/orders-db", "a/b/c"]) {
      assert.match(messageOf(readConnection(text)), /is not a connection; write NAMESPACE\/NAME/);
    }
  });
});

describe("a search path", () => {
  const paths: readonly [text: string, schemas: readonly string[]][] = [
    ["", []],
    ["public", ["public"]],
    ["App, public", ["app", "public"]],
    ['"Odd, ""Name""",public', ['Odd, "Name"', "public"]],
  ];
  for (const [text, value] of paths) {
    test(`${text || "empty"} is ${value.join(" then ") || "no schema"}`, () => {
      assert.deepEqual(readSearchPath(text), { ok: true, value });
    });
  }

  for (const text of ["$user,public", '"$user"', "app public", "a,,b", 'a"b', '"', "1a"]) {
    test(`${text} is refused in words`, () => {
      assert.match(messageOf(readSearchPath(text)), /in the search path is/);
    });
  }
});

function messageOf(read: { ok: true } | { ok: false; message: string }): string {
  return read.ok ? "" : read.message;
}
