/** What the database's own catalog adds to a judgement, and what may have happened since it was read. */
import assert from "node:assert/strict";
import { after, describe, it } from "node:test";
import { type CatalogObject, liveCatalog } from "#core/statements/postgres/live.ts";
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import { catalog as stock, described, session } from "./support.ts";

const analyst = openAnalyst();
after(() => analyst[Symbol.asyncDispose]());

const database = (functions: readonly CatalogObject[] = []) =>
  liveCatalog(stock, {
    relations: [
      { schema: "public", name: "orders" },
      { schema: "pg_catalog", name: "pg_class" },
    ],
    functions,
    operators: [],
    types: [],
  });

async function judge(sql: string, over: Parameters<typeof session>[0] = {}): Promise<string> {
  return described(await analyst.analyse(sql, session({ catalog: database(), ...over })));
}

describe("a name that the catalog does not know", () => {
  it("is temporary, or whatever was made on the path since the catalog was read", async () => {
    assert.equal(await judge("select * from new limit 1"), "read: read pg_temp.new, read public.new");
    assert.equal(
      await judge("delete from new", { searchPath: ["app", "pg_catalog", "public"] }),
      "delete: delete app.new!, delete pg_temp.new!, delete public.new!",
    );
  });
  it("is exactly what it says where it has a schema", async () => {
    assert.equal(await judge("select * from pg_temp.new limit 1"), "read: read pg_temp.new");
    assert.equal(await judge("select * from public.new limit 1"), "read: read public.new");
  });
  it("is no doubt about those that it knows", async () => {
    assert.equal(await judge("select * from orders limit 1"), "read: read public.orders");
    assert.equal(await judge("select relname from pg_class limit 1"), "read: read pg_catalog.pg_class");
  });
});

describe("a function of PostgreSQL's own that somebody shadows", () => {
  const own = {
    catalog: database([
      { schema: "public", name: "set_config" },
      { schema: "public", name: "current_setting" },
    ]),
  };
  it("is no longer told by its name", async () => {
    const text = "select set_config('application_name', 'a'::text, false)";
    assert.equal(await judge(text), "read: session");
    assert.equal(await judge(text, own), "read: fn pg_catalog|public.set_config, session");
    assert.equal(await judge(text, { ...own, searchPath: ["app"] }), "read: session");
    assert.equal(
      await judge("select current_setting('timezone')", own),
      "read: fn pg_catalog|public.current_setting",
    );
  });
  it("is, with its schema", async () => {
    assert.equal(await judge("select pg_catalog.current_setting('timezone')", own), "read:");
    assert.equal(
      await judge("select pg_catalog.set_config('application_name', 'a', false)", own),
      "read: session",
    );
  });
  it("may be another one after a change of the path", async () => {
    assert.equal(
      await judge("reset search_path; select current_setting('timezone')"),
      "session: session; read: ?SEARCH_PATH_CHANGED, fn pg_catalog.current_setting",
    );
  });
});
