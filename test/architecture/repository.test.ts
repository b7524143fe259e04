import assert from "node:assert/strict";
import { test } from "node:test";
import { repositoryFiles, textOf } from "./sources.ts";

const GENERATED = /\.gen\.ts$/;

test("no source file is longer than 400 lines", () => {
  const long = repositoryFiles(/\.ts$/)
    .filter((file) => !GENERATED.test(file))
    .filter((file) => textOf(file).split("\n").length > 401);
  assert.deepEqual(long, []);
});

test("the lockfile holds no registry address", () => {
  assert.doesNotMatch(textOf("package-lock.json"), /"resolved": "https?:/);
  assert.match(textOf("package-lock.json"), /"integrity": "sha512-/);
});

test("every dependency is pinned to one version", () => {
  const manifest = JSON.parse(textOf("package.json")) as Record<string, Record<string, string>>;
  for (const group of ["dependencies", "devDependencies", "optionalDependencies"])
    for (const [name, version] of Object.entries(manifest[group] ?? {}))
      assert.match(version, /^(?:npm:@?[\w/-]+@)?\d+\.\d+\.\d+(?:-[\w.]+)?$/, `${name} ${version}`);
});

test("every dependency has its paragraph", () => {
  const manifest = JSON.parse(textOf("package.json")) as Record<string, Record<string, string>>;
  const page = textOf("docs/dependencies.md");
  const names = ["dependencies", "devDependencies", "optionalDependencies"].flatMap((group) =>
    Object.keys(manifest[group] ?? {}),
  );
  for (const name of names)
    assert.ok(page.includes(`\`${name}\``), `docs/dependencies.md does not speak of ${name}`);
});

test("every decision record says where it stands", () => {
  const records = repositoryFiles(/^docs\/decisions\/\d{4}-.*\.md$/);
  assert.ok(records.length >= 5);
  for (const record of records) {
    assert.match(textOf(record), /^# .+\n\nStatus: (?:accepted|superseded by \d{4})/, record);
    assert.match(textOf(record), /^## What would change our mind$/m, record);
  }
});

test("links between documents lead somewhere", () => {
  const files = new Set(repositoryFiles(/./));
  const broken: string[] = [];
  for (const page of repositoryFiles(/\.md$/)) {
    for (const [, target = ""] of textOf(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
      const path = new URL(target, `file:///${page}`).pathname.slice(1).replace(/\/$/, "");
      if (!files.has(path) && ![...files].some((file) => file.startsWith(`${path}/`)))
        broken.push(`${page}: ${target}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("the changelog names the version of the package", () => {
  const { version } = JSON.parse(textOf("package.json")) as { version: string };
  assert.match(
    textOf("CHANGELOG.md"),
    new RegExp(`^## \\[?(?:Unreleased|${version.replaceAll(".", "\\.")})`, "m"),
  );
});
