import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { stockCatalog } from "#core/statements/postgres/stock.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { connect, type Session } from "#tools/postgres/client.ts";
import { POSTGRES_VERSIONS } from "#tools/postgres/binaries.ts";
import { startPostgres } from "#tools/postgres/server.ts";
import { STOCK_FILE } from "#tools/stock-catalog/file.ts";
import { render } from "#tools/stock-catalog/render.ts";
import { type Snapshot, takeSnapshot } from "#tools/stock-catalog/snapshot.ts";
import { callsOf, type StockOverload, stockOverloads } from "./stock-functions.ts";

/** At least this share of the overloads must come to an end, so that the probe cannot pass by failing at everything. */
const COMPLETED_SHARE_MIN = 0.9;

/** Of every server that has been started, before anything was added to it. */
const snapshots: Snapshot[] = [];

for (const version of POSTGRES_VERSIONS) {
  test(`no stock function of PostgreSQL ${version} that counts as harmless waits, locks, writes or runs code`, {
    skip: skipWithoutPostgres(version),
  }, async (t) => {
    await using server = await startPostgres({ version });
    await using owner = await connect(server);
    snapshots.push(await takeSnapshot(version, owner));
    await owner.query(await readFile(new URL("probe.sql", import.meta.url), "utf8"));
    await using holder = await connect(server);
    await holder.query("begin; lock table public.guarded, public.guarded_view in access exclusive mode");
    const overloads = await stockOverloads(owner);

    await t.test("the probe catches what does", async () => {
      for (const [name, finding] of KNOWN_OFFENDERS) {
        const offender = overloads.filter((overload) => overload.name === name);
        // A name that this version does not have cannot offend.
        if (offender.length === 0) continue;
        assert.match((await probe(owner, offender)).findings.join("\n"), finding, name);
      }
    });

    await t.test("and finds nothing in the harmless ones", async (t) => {
      const catalog = stockCatalog(version);
      const harmless = overloads.filter(
        ({ name }) => catalog.functionHarm("pg_catalog", name, []) === "harmless",
      );
      const { findings, completed } = await probe(owner, harmless);
      t.diagnostic(`${harmless.length} harmless overloads, ${completed} of them ran to the end`);
      assert.deepEqual(findings, []);
      assert.ok(
        completed >= harmless.length * COMPLETED_SHARE_MIN,
        `only ${completed} of ${harmless.length} ran`,
      );
    });
  });
}

test("the committed snapshot is what these servers hold", { skip: skipWithoutPostgres() }, async () => {
  assert.equal(snapshots.length, POSTGRES_VERSIONS.length);
  assert.ok((await readFile(STOCK_FILE, "utf8")) === render(snapshots), `stale: run \`make generate\``);
});

const KNOWN_OFFENDERS: readonly (readonly [string, RegExp])[] = [
  ["query_to_xml", /waits for a lock/],
  ["table_to_xml", /waits for a lock/],
  ["ts_stat", /waits for a lock/],
  ["pg_relation_size", /waits for a lock/],
  ["pg_get_viewdef", /waits for a lock/],
  ["nextval", /locks guarded_sequence/],
  ["obj_description", /locks .*pg_description/],
  ["pg_current_xact_id", /writes/],
  ["pg_input_is_valid", /runs code/],
];

async function probe(
  session: Session,
  overloads: readonly StockOverload[],
): Promise<{ findings: string[]; completed: number }> {
  const calls = overloads.flatMap((overload, index) => callsOf(overload).map((call) => ({ call, index })));
  await session.query("set lock_timeout = '5ms'; set statement_timeout = '60s'");
  const results = await session.query(
    "select public.probe(call) as finding from unnest($1::text[]) with ordinality as c(call, nr) order by nr",
    [calls.map(({ call }) => call)],
  );
  const completed = new Set<number>();
  const findings: string[] = [];
  results.forEach(({ finding }, row) => {
    const made = calls[row];
    assert.ok(made !== undefined);
    if (finding === null) completed.add(made.index);
    else if (typeof finding === "string" && finding !== "error") findings.push(`${finding}: ${made.call}`);
  });
  return { findings, completed: completed.size };
}
