/** values.yaml, its schema and the page about them say the same; the page names every policy. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { load } from "js-yaml";
import { textOf } from "#test/architecture/sources.ts";
import { render, skipWithoutHelm } from "./support/helm.ts";

const PAGE = "docs/operations/chart.md";
const values = load(textOf("charts/sallyport/values.yaml"));

function cellsBehind(mark: string): readonly (readonly string[])[] {
  const [, after = ""] = textOf(PAGE).split(mark);
  const lines = after.trimStart().split("\n");
  const table = lines.slice(
    0,
    lines.findIndex((line) => !line.startsWith("|")),
  );
  return table.slice(2).map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function leavesOf(value: unknown, path: string): readonly (readonly [string, unknown])[] {
  if (!isRecord(value) || Object.keys(value).length === 0) return [[path, value]];
  return Object.entries(value).flatMap(([key, inner]) =>
    leavesOf(inner, path === "" ? key : `${path}.${key}`),
  );
}

test("every value is on the page, with its default and a sentence, and nothing else is", () => {
  const rows = cellsBehind("test/chart/values.test.ts -->");
  assert.deepEqual(
    rows.map(([name = "", standard = ""]) => [
      name.replaceAll("`", ""),
      JSON.parse(standard.replaceAll("`", "")),
    ]),
    leavesOf(values, ""),
  );
  for (const [name, , what = ""] of rows) assert.match(what, /[.]$/, name);
});

test("the schema knows every value, describes it, and is closed", () => {
  const schema: unknown = JSON.parse(textOf("charts/sallyport/values.schema.json"));
  assert.deepEqual(undescribed(schema, values, "values"), []);
});

/** Where a schema has no description, is open, or does not know what the values have. */
function undescribed(schema: unknown, value: unknown, place: string): readonly string[] {
  if (!isRecord(schema)) return [`${place} is not known`];
  const own = typeof schema["description"] === "string" ? [] : [`${place} is not described`];
  const { properties } = schema;
  if (!isRecord(properties) || !isRecord(value)) return own;
  return [
    ...own,
    ...(schema["additionalProperties"] === false ? [] : [`${place} is open`]),
    ...Object.entries(value).flatMap(([key, inner]) =>
      undescribed(properties[key], inner, `${place}.${key}`),
    ),
  ];
}

describe("the page", { skip: skipWithoutHelm() }, () => {
  test("names every policy of the chart", async () => {
    const policies = (await render()).filter(({ kind }) => kind === "ValidatingAdmissionPolicy");
    const listed = [...textOf(PAGE).matchAll(/^\| `(sallyport-[a-z-]+)` \|/gm)].map(([, name]) => name);
    assert.deepEqual(listed.toSorted(), policies.map(({ metadata }) => metadata.name).toSorted());
  });
});
