/** docs/drivers.md and what it is made of hold together; `make drivers` is the run itself. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { describe, test } from "node:test";
import { FEATURE_IDS } from "#tools/drivers/features.ts";
import { type Said, judge } from "#tools/drivers/judge.ts";
import { pageOf } from "#tools/drivers/page.ts";
import { DRIVERS, type DriverName } from "#tools/drivers/programs.ts";
import { PAGE, REPORT, type Report } from "#tools/drivers/report.ts";
import { RULES, ruleFor } from "#tools/drivers/rules.ts";

const report = JSON.parse(readFileSync(REPORT, "utf8")) as Report;
const names = Object.keys(DRIVERS) as DriverName[];
const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");

describe("the page", () => {
  test("is what the run has found", () => {
    assert.equal(readFileSync(PAGE, "utf8"), pageOf(report));
  });

  test("has every driver, every feature, on every server", () => {
    assert.deepEqual(Object.keys(report.servers), ["15", "18"]);
    assert.deepEqual(Object.keys(report.drivers), names);
    assert.deepEqual(Object.keys(report.cells), FEATURE_IDS);
    for (const feature of FEATURE_IDS)
      for (const name of names)
        assert.deepEqual(
          Object.keys(report.cells[feature][name]),
          Object.keys(report.servers),
          `${name}: ${feature}`,
        );
  });

  test("speaks of the drivers that are installed: another version is run again", () => {
    const { devDependencies } = JSON.parse(read("package.json")) as {
      devDependencies: Record<string, string>;
    };
    const inPython = new Map(
      [...read("test/drivers/requirements.txt").matchAll(/^(\w+)==(.+)$/gm)].map(
        ([, name = "", version = ""]) => [name, version],
      ),
    );
    const wanted: Record<DriverName, readonly (string | undefined)[]> = {
      psql: [],
      "psycopg 3": [inPython.get("psycopg")],
      asyncpg: [inPython.get("asyncpg")],
      SQLAlchemy: [inPython.get("SQLAlchemy"), inPython.get("psycopg")],
      pgjdbc: [/^version=(.*)$/m.exec(read("tools/setup/jdbc.sh"))?.[1]],
      "node-postgres": ["pg", "pg-cursor", "pg-query-stream", "pg-copy-streams"].map(
        (name) => devDependencies[name],
      ),
      "postgres.js": [devDependencies["postgres"]],
      Drizzle: [devDependencies["drizzle-orm"], devDependencies["pg"]],
    };
    for (const name of names)
      for (const version of wanted[name])
        assert.ok(version !== undefined && report.drivers[name].includes(version), `${name} ${version}`);
  });
});

describe("the rules", () => {
  test("are what the cells name, for the cells that they name", () => {
    for (const feature of FEATURE_IDS)
      for (const name of names)
        for (const [version, finding] of Object.entries(report.cells[feature][name])) {
          const rule = ruleFor(feature, name, Number(version))?.name;
          if (finding.is !== "absent")
            assert.equal(finding.is === "ruled" ? finding.rule : undefined, rule, `${name}: ${feature}`);
        }
  });

  test("each has a cell", () => {
    const named = new Set(
      Object.values(report.cells)
        .flatMap((row) => Object.values(row))
        .flatMap((cell) => Object.values(cell))
        .map((finding) => (finding.is === "ruled" ? finding.rule : "")),
    );
    assert.deepEqual(
      RULES.filter(({ name }) => !named.has(name)).map(({ name }) => name),
      [],
    );
  });
});

describe("a cell", () => {
  const failed = (text: string): Said => ({ failed: { state: "42501", text } });
  const rule = { name: "a rule", shows: /DENY_RULE/ };
  const seen: Said = { saw: [1, "two"] };

  test("is the same where both runs saw the same", () => {
    assert.equal(judge(seen, { saw: [1, "two"] }, undefined).is, "same");
    assert.equal(judge(seen, { saw: [1, "three"] }, undefined).is, "differs");
    assert.equal(judge(seen, failed("DENY_RULE"), undefined).is, "differs");
  });

  test("shows nothing where the program fails without a gateway, or is silent about a feature on one side", () => {
    assert.equal(judge(failed("x"), failed("x"), undefined).is, "differs");
    assert.equal(judge(failed("DENY_RULE"), failed("DENY_RULE"), rule).is, "differs");
    assert.equal(judge({ absent: "no" }, seen, undefined).is, "differs");
    assert.equal(judge({ absent: "no" }, { absent: "no" }, rule).is, "absent");
  });

  test("is by a rule only where it differs, and by that rule", () => {
    assert.equal(judge(seen, failed("Refused: DENY_RULE"), rule).is, "ruled");
    assert.equal(judge(seen, failed("the connection was reset"), rule).is, "differs");
    assert.equal(judge(seen, seen, rule).is, "differs");
  });
});
