/**
 * Every example in the documentation runs.
 *
 * - `sh test`: run from the repository root, with `sallyport` on the PATH; must exit 0.
 * - `text output` right behind it: exactly what the commands print. Where a command is meant to fail, the fence says
 *   `sh test exit=1`.
 * - `sh cluster`: run in the order of its page on a real cluster, by test/installed. Its output may be told in part: `text excerpt`.
 * - `sh host`: the same with a gateway that runs, by test/gateway.
 * - `sh manual`: for what a test cannot do, such as `make demo`; kept rare.
 * - `yaml test`: kinds that load without an error.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { loadKinds } from "#core/api/load.ts";
import { ROOT, repositoryFiles, textOf } from "../architecture/sources.ts";
import { CLUSTER_PAGES, type Fence, HOST_PAGES, fencesOf } from "./fences.ts";

const bin = mkdtempSync(join(tmpdir(), "sallyport-bin-"));
writeFileSync(
  join(bin, "sallyport"),
  `#!/bin/sh\nexec "${process.execPath}" "${join(ROOT, "cli/main.ts")}" "$@"\n`,
);
chmodSync(join(bin, "sallyport"), 0o755);
after(() => rmSync(bin, { recursive: true }));

const pages = repositoryFiles(/\.md$/);
const fences = pages.flatMap((page) => fencesOf(page, textOf(page)));

function run(fence: Fence): { status: number | null; output: string } {
  const { NO_COLOR: _, FORCE_COLOR: __, ...environment } = process.env;
  const result = spawnSync("/bin/sh", ["-eu", "-c", fence.text], {
    cwd: ROOT,
    encoding: "utf8",
    timeout: 60_000,
    env: { ...environment, PATH: `${bin}:${process.env["PATH"] ?? ""}` },
  });
  return { status: result.status, output: result.stdout + result.stderr };
}

fences.forEach((fence, index) => {
  const place = `${fence.page}:${fence.line}`;
  if (fence.info.startsWith("sh test")) {
    test(`${place} runs`, () => {
      const wanted = Number(/ exit=(\d+)/.exec(fence.info)?.[1] ?? 0);
      const { status, output } = run(fence);
      assert.equal(status, wanted, output);
      const next = fences[index + 1];
      if (next?.page === fence.page && next.info === "text output")
        assert.equal(output.trimEnd(), next.text.trimEnd());
    });
  }
  if (fence.info === "yaml test") {
    test(`${place} loads`, () => {
      const { diagnostics } = loadKinds([{ path: place, text: fence.text }]);
      assert.deepEqual(
        diagnostics.filter(({ severity }) => severity === "error"),
        [],
      );
    });
  }
});

test("every shell and YAML example says whether it is run", () => {
  const unmarked = fences.filter(
    ({ info }) => /^(?:sh|bash|shell|console|yaml|yml)$/.test(info) || info === "",
  );
  assert.deepEqual(
    unmarked.map(({ page, line, info }) => `${page}:${line} \`\`\`${info}`),
    [],
  );
});

test("an output fence stands behind the commands that print it", () => {
  const orphans = fences.filter((fence, index) => {
    const before = fences[index - 1];
    return (
      /^text (?:output|excerpt)$/.test(fence.info) &&
      !(before?.page === fence.page && /^sh (?:test|cluster)/.test(before.info))
    );
  });
  assert.deepEqual(orphans, []);
});

test("every page with commands for a cluster or a host is one whose commands are run there", () => {
  for (const [info, known] of [
    ["sh cluster", CLUSTER_PAGES],
    ["sh host", HOST_PAGES],
  ] as const) {
    const withCommands = fences.filter((fence) => fence.info.startsWith(info)).map(({ page }) => page);
    assert.deepEqual([...new Set(withCommands)].toSorted(), [...known].toSorted());
  }
});
