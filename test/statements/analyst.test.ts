import assert from "node:assert/strict";
import { describe, it } from "node:test";
import type { Catalog } from "#core/statements/postgres/catalog.ts";
import type { PostgresRequest } from "#core/statements/postgres/facts.ts";
import { NESTING_MAX, PRESCAN_LIMITS, prescan } from "#core/statements/postgres/prescan.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { factsCache } from "#sidecar/statements/cache.ts";
import { catalog, described, session } from "./support.ts";

const bytesOf = (text: string): Buffer => Buffer.from(text, "utf8");
const verdict = (text: string): string => {
  const scan = prescan(bytesOf(text));
  return scan.verdict === "refuse" ? scan.code : scan.verdict;
};

describe("the look before parsing", () => {
  it("lets ordinary texts pass, and those with much in quotes", () => {
    assert.equal(verdict("select * from orders where id in (1, 2, 3) and note like '((((%'"), "plain");
    assert.equal(verdict(`select '${"(".repeat(10_000)}'`), "plain");
    assert.equal(verdict(`select E'\\'${"(".repeat(10_000)}'`), "plain");
    assert.equal(verdict(`select $q$${"- ".repeat(5_000)}$q$`), "plain");
    assert.equal(verdict(`select 1 /* ${"(".repeat(10_000)} /* */ ${"(".repeat(1_000)} */`), "plain");
    assert.equal(verdict(`select 1 -- ${"+".repeat(10_000)}\n + 1`), "plain");
    assert.equal(verdict(`insert into t values ${"(1 + 1, 'a'), ".repeat(900)}(1)`), "plain");
  });
  it("sends aside what is large or looks deep", () => {
    assert.equal(verdict(`select '${"x".repeat(PRESCAN_LIMITS.plainBytesMax)}'`), "aside");
    assert.equal(verdict(`select ${"a+".repeat(700)}a`), "aside");
    assert.equal(verdict(`select ${"(".repeat(1_200)}1${")".repeat(1_200)}`), "aside");
  });
  it("refuses what no server takes either, or what breaks the parser", () => {
    assert.equal(verdict(`select ${"a+".repeat(12_000)}a`), "TOO_DEEP");
    assert.equal(verdict(`select ${"(".repeat(NESTING_MAX + 1)}`), "TOO_DEEP");
    assert.equal(verdict(`select ${"- ".repeat(NESTING_MAX + 1)}1`), "TOO_DEEP");
    assert.equal(verdict(`select 1${" union select 1".repeat(5_000)}`), "TOO_DEEP");
    assert.equal(verdict(`select ${"case when a then ".repeat(4_000)}`), "TOO_DEEP");
    assert.equal(verdict("x".repeat(PRESCAN_LIMITS.textBytesMax + 1)), "TOO_LARGE");
    assert.equal(verdict("select 1\0"), "NUL_IN_TEXT");
    assert.equal(prescan(Buffer.from("73656c65637420ff", "hex")).verdict, "refuse");
  });
  it("takes every byte for every text without a throw", () => {
    for (const text of ["'", '"', "$", "$$", "$a$", "/*", "--", "E'\\", ")", "]])", "", "$1$1$"]) {
      assert.equal(verdict(text), "plain", text);
    }
  });
});

describe("the analyst", () => {
  it("answers at once once its parser is loaded, and the same object for the same text", async () => {
    await using analyst = openAnalyst();
    const context = session();
    const first = await analyst.analyse("select id from orders where id = 1", context);
    const second = analyst.analyse(bytesOf("select id from orders where id = 1"), context);
    assert.equal(second, first);
  });

  it("keeps apart what differs in one byte, in path or in catalog", async () => {
    await using analyst = openAnalyst();
    const text = "select * from orders where id = 1";
    const judge = async (context: ReturnType<typeof session>) =>
      described(await analyst.analyse(text, context));
    assert.equal(await judge(session()), "read: read public.orders");
    assert.equal(await judge(session({ searchPath: ["audit"] })), "read: read audit.orders");
    const live: Catalog = { ...catalog, assumed: false, hasRelation: () => false };
    assert.equal(await judge(session({ catalog: live })), "read: read pg_temp.orders, read public.orders");
    assert.equal(await judge(session()), "read: read public.orders");
  });

  it("takes different bytes for different texts, also where decoding makes them one", async () => {
    await using analyst = openAnalyst();
    const context = session();
    const good = await analyst.analyse(bytesOf("select '\ufffd'"), context);
    const bad = await analyst.analyse(Buffer.from("73656c6563742027ff27", "hex"), context);
    assert.deepEqual([described(good), described(bad)], ["read:", "unknown: ?NOT_UTF8"]);
    assert.equal(described(await analyst.analyse("select '\ud800'", context)), "unknown: ?NOT_UTF8");
  });

  it("never remembers what a session's own statements and cursors made of a text", async () => {
    await using analyst = openAnalyst();
    const facts = (await analyst.analyse("select * from secrets", session())).statements[0];
    assert.equal(described(await analyst.analyse("execute p", session())), "unknown: ?PREPARED_ELSEWHERE");
    const knowing = session({ prepared: (name) => (name === "p" ? facts : undefined) });
    assert.equal(described(await analyst.analyse("execute p", knowing)), "read: read public.secrets!");
    assert.equal(described(await analyst.analyse("execute p", session())), "unknown: ?PREPARED_ELSEWHERE");
    const open = session({ cursor: (name) => (name === "c" ? facts : undefined) });
    assert.equal(described(await analyst.analyse("fetch 1 c", open)), "read: read public.secrets!");
    assert.equal(
      described(await analyst.analyse("set search_path = audit; execute p", knowing)),
      "session: session; read: ?SEARCH_PATH_CHANGED, read public.secrets!",
    );
  });

  it("refuses a deep text and a large one, and judges a large but honest one", async () => {
    await using analyst = openAnalyst({ aside: { deadlineMs: 30_000 } });
    const context = session();
    assert.equal(
      described(await analyst.analyse(`select ${"a+".repeat(3_000)}a`, context)),
      "unknown: ?TOO_DEEP",
    );
    assert.equal(described(await analyst.analyse("x".repeat(300_000), context)), "unknown: ?TOO_LARGE");
    assert.equal(
      described(await analyst.analyse(`select ${"a,".repeat(120_000)}a`, context)),
      "unknown: ?TOO_LARGE",
    );
    const bulk = `insert into orders (id, note) values ${Array.from({ length: 2_000 }, (_, at) => `(${at}, 'note ${at}')`).join(", ")}`;
    assert.equal(described(await analyst.analyse(bulk, context)), "insert: insert public.orders");
    assert.equal(described(await analyst.analyse("select 1", context)), "read:");
  });
});

describe("the cache of facts", () => {
  const empty: PostgresRequest = { protocol: "postgres", statements: [] };
  it("stays within its bytes, and keeps what is in use", () => {
    const cache = factsCache(10_000);
    const context = session();
    cache.set("in use", context, empty);
    for (let at = 0; at < 1_000; at++) {
      cache.set(`text ${at}`, context, empty);
      assert.equal(cache.get("in use", context), empty);
    }
    const left = Array.from({ length: 1_000 }, (_, at) => cache.get(`text ${at}`, context)).filter(Boolean);
    assert.ok(left.length > 10 && left.length < 100, `${left.length} left`);
  });
});
