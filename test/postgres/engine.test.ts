/** The two directions of the engine without sockets: an upstream that breaks the protocol, and answers that come late. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Refusal } from "#core/values/refusal.ts";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import { errorResponse, readyForQuery } from "#core/wire/postgres/messages.ts";
import { Backend } from "#sidecar/protocols/postgres/backend.ts";
import { SessionCore } from "#sidecar/protocols/postgres/core.ts";
import { frontend } from "#sidecar/protocols/postgres/frontend.ts";
import { Intake } from "#sidecar/protocols/postgres/intake.ts";
import { memoryBudget } from "#sidecar/protocols/postgres/long-row.ts";
import { Outbox } from "#sidecar/protocols/postgres/outbox.ts";
import { SearchPath, schemasOf } from "#sidecar/protocols/postgres/search-path.ts";
import { allowAll, type Judge, scriptedTap } from "./support/gateway.ts";
import { B, E, P, Q, S } from "./support/wire.ts";

const READ: StatementFacts = {
  class: "read",
  accesses: [],
  calls: [],
  doubts: [],
  columns: [],
  literalOffsetsBytes: [],
  startByte: 0,
  lengthBytes: 0,
};

function engine({ judge = allowAll, facts = READ }: { judge?: Judge; facts?: StatementFacts } = {}) {
  const request: PostgresRequest = { protocol: "postgres", statements: [facts] };
  const box = () => {
    const written: Buffer[] = [];
    const write = (bytes: Uint8Array): boolean => written.push(Buffer.from(bytes)) > 0;
    return {
      written,
      out: new Outbox({ write, cork: () => undefined, uncork: () => undefined, writableLength: 0 }),
    };
  };
  const client = box();
  const upstream = box();
  const failures: Refusal[] = [];
  const tap = scriptedTap(judge);
  const core = new SessionCore({
    tap,
    analyse: () => request,
    catalog: {
      names: stockCatalog(18),
      columns: {
        actions: (columns) => columns.map(() => undefined),
        mayRefuse: () => false,
        copyOut: () => undefined,
        mayQuote: () => false,
      },
      version: 0,
      changed: () => undefined,
      transactionEnded: () => undefined,
      ready: () => undefined,
      follow: () => undefined,
      lookAgain: () => undefined,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
    path: new SearchPath("public", "agent", true),
    budget: memoryBudget(1024),
    withheld: { user: "minted", host: "db.internal" },
    toClient: client.out,
    toUpstream: upstream.out,
    cancel: () => Promise.resolve(),
    poke: () => undefined,
    fail: (why) => {
      client.out.flush();
      core.hasEnded = true;
      failures.push(why);
    },
  });
  const bug = (error: unknown): never => {
    throw error;
  };
  const intake = new Intake(core, frontend, bug);
  const backend = new Backend(core, intake, bug);
  const types = (buffers: readonly Buffer[]): string => {
    const all = Buffer.concat(buffers);
    let shown = "";
    for (let at = 0; at < all.length; at += all.readInt32BE(at + 1) + 1)
      shown += String.fromCharCode(all[at] ?? 0);
    return shown;
  };
  return {
    tap,
    core,
    failures,
    ask: (...messages: Buffer[]) => intake.push(Buffer.concat(messages)),
    answer: (...messages: Buffer[]) => {
      backend.push(Buffer.concat(messages));
      intake.run();
    },
    toClient: () => types(client.written),
    toUpstream: () => types(upstream.written),
  };
}

const one = (type: string, ...body: Buffer[]): Buffer => message(type, ...body);
const DONE = one("C", cstring("SELECT 0"));
const ROW = one("D", int16(0));
const ERROR = errorResponse({ severity: "ERROR", code: "42P01", message: "no" });

describe("an upstream that breaks the protocol ends the session, and nothing of it passes", () => {
  const cases: Readonly<Record<string, readonly [asked: Buffer[], answered: Buffer[], passed: string]>> = {
    "a row that nobody asked for": [[], [ROW], ""],
    "a row in the place of a ParseComplete": [[P("x"), S], [ROW], ""],
    "a second ReadyForQuery": [[Q("x")], [DONE, readyForQuery("I"), readyForQuery("I")], "CZ"],
    "a ReadyForQuery before any answer": [[Q("x")], [readyForQuery("I")], ""],
    "a BindComplete for a Parse": [[P("x"), S], [one("2")], ""],
    "data wanted for a COPY that is none": [[Q("x")], [one("G", Buffer.from([0, 0, 0]))], ""],
    "a walsender's COPY": [[Q("x")], [one("W", Buffer.from([0, 0, 0]))], ""],
    "authentication in the middle of a session": [[Q("x")], [one("R", int32(0))], ""],
    "another key": [[], [one("K", int32(1), int32(1))], ""],
    "a status that does not exist": [[Q("x")], [DONE, one("Z", Buffer.from("X"))], "C"],
    "an error that nothing led to": [[], [ERROR], ""],
    "a message that does not exist": [[Q("x")], [Buffer.from([0x7e, 0, 0, 0, 4])], ""],
    "a length that cannot be": [[Q("x")], [Buffer.from([0x44, 0, 0, 0, 1])], ""],
    "a malformed error": [[Q("x")], [one("E", Buffer.from("M"))], ""],
    "a result for what was refused": [[Q("refused")], [ROW], ""],
  };
  const judge: Judge = (_, text) => (text === "refused" ? "no" : undefined);
  for (const [what, [asked, answered, passed]] of Object.entries(cases))
    test(what, () => {
      const { ask, answer, failures, toClient } = engine({ judge });
      ask(...asked);
      answer(...answered);
      if (what === "a result for what was refused") assert.equal(toClient(), "");
      else assert.deepEqual([failures.map(({ code }) => code), toClient()], [["UPSTREAM_PROTOCOL"], passed]);
    });
});

test("a pipeline longer than what is kept track of is carried out, with the answers demanded in between", () => {
  const { ask, answer, failures, toUpstream, core } = engine();
  const messages = Array.from({ length: 3000 }, () => [B("", "s"), E()]).flat();
  ask(P("x", "s"), ...messages, S);
  assert.equal(core.expected.length, 4096);
  assert.equal(toUpstream().at(-1), "H");
  answer(
    one("1"),
    ...Array.from({ length: 3000 }, () => [one("2"), DONE])
      .flat()
      .slice(0, 4095),
  );
  assert.equal(toUpstream().replaceAll("H", "").length, 1 + 6000 + 1);
  assert.deepEqual(failures, []);
});

test("what is known of names follows what was carried out, not what was sent", () => {
  const { ask, answer, core } = engine();
  ask(P("first", "s"), S);
  answer(one("1"), readyForQuery("I"));
  const first = core.names.statement("s");
  // A second of the same name fails and leaves the first; what comes behind it never happens.
  ask(P("second", "s"), P("unnamed"), S);
  answer(ERROR, readyForQuery("I"));
  assert.equal(core.names.statement("s"), first);
  assert.equal(core.names.statement(""), undefined);
  ask(P("unnamed"), S);
  answer(one("1"), readyForQuery("I"));
  assert.notEqual(core.names.statement(""), undefined);
  // A failed Parse of the unnamed statement takes the one before with it.
  ask(P("again"), S);
  answer(ERROR, readyForQuery("I"));
  assert.equal(core.names.statement(""), undefined);
});

test("a prepared statement is sent on without being looked into again", () => {
  const { ask, answer, tap, toUpstream } = engine();
  ask(P("x", "s"), S);
  answer(one("1"), readyForQuery("I"));
  ask(B("", "s"), E(), S);
  answer(one("2"), DONE, readyForQuery("I"));
  ask(B("", "s"), E(), S);
  assert.equal(toUpstream(), "PSBESBES");
  assert.deepEqual(tap.decided, ["x", "x"]);
});

test("search paths are split as PostgreSQL splits them", () => {
  assert.deepEqual(schemasOf('"$user", public', "agent"), ["agent", "public"]);
  assert.deepEqual(schemasOf('App, "Odd ""Name""" , pg_temp', "agent"), ["app", 'Odd "Name"']);
  assert.deepEqual(schemasOf("", "agent"), []);
  assert.deepEqual(schemasOf('""', "agent"), []);
  assert.equal(schemasOf("a b", "agent"), undefined);
  assert.equal(schemasOf("a,,b", "agent"), undefined);
});
