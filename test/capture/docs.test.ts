/** The page says what is so. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { openMeters } from "#sidecar/pod/meters.ts";
import { textOf } from "#test/architecture/sources.ts";
import { RULES_FILE } from "./support/gw-init.ts";

/** The parts of a counter that its own type does not show. */
interface Registered {
  readonly name: string;
  readonly help: string;
  readonly labelNames?: readonly string[];
}

const page = textOf("docs/capture.md");

test("the page shows the rules as they are", () => {
  const rules = readFileSync(RULES_FILE, "utf8");
  const table = rules.slice(rules.indexOf("table inet sallyport {"));
  assert.ok(page.includes(`\`\`\`nft\n${table}\`\`\``));
});

test("the page knows every cause of failure and its exit code, and no other", () => {
  const source = readFileSync(join(dirname(RULES_FILE), "outcome.go"), "utf8");
  const causes = [...source.matchAll(/= cause\{"([A-Z_]+)", (\d+),/g)].map(
    ([, name, code]) => `| \`${name}\` | ${code} |`,
  );
  assert.ok(causes.length >= 10);
  const rows = [...page.matchAll(/^\| `[A-Z_]+` \| \d+ \|/gm)].map(([row]) => row);
  assert.deepEqual(rows.toSorted(), causes.toSorted());
});

test("the page knows every metric of the gateway with its labels and words, and no other", () => {
  const { registry } = openMeters(() => 0, 0);
  const metrics = registry.getMetricsAsArray() as unknown as readonly Registered[];
  const wanted = metrics.map(({ name, help, labelNames = [] }) => {
    const labels = labelNames.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${labels} | ${help} |`;
  });
  const rows = [...page.matchAll(/^\| `sallyport_.*$/gm)].map(([row]) => row);
  assert.deepEqual(rows.toSorted(), wanted.toSorted());
});
