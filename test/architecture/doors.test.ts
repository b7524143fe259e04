import assert from "node:assert/strict";
import { test } from "node:test";
import { type Import, importsOf, repositoryFiles } from "./sources.ts";

/** Which rooms a room may import from. `docs/architecture.md` says why. */
const DOORS = {
  core: [],
  runtime: ["core"],
  broker: ["core", "runtime"],
  sidecar: ["core", "runtime"],
  operator: ["core", "runtime", "broker"],
  cli: ["core", "runtime", "broker", "sidecar", "operator"],
} as const satisfies Record<string, readonly string[]>;

const SOURCE = new RegExp(`^(?:${Object.keys(DOORS).join("|")})/.*\\.ts$`);

function wrongDoors(imports: readonly Import[]): string[] {
  return imports
    .filter(({ file, room }) => {
      const from = file.split("/")[0] as keyof typeof DOORS;
      return room !== undefined && room !== from && !(DOORS[from] as readonly string[]).includes(room);
    })
    .map(({ file, specifier }) => `${file} imports ${specifier}`);
}

test("every import goes through a door that is open", () => {
  const files = repositoryFiles(SOURCE);
  assert.ok(files.length > 20, "the rooms were not found");
  assert.deepEqual(wrongDoors(files.flatMap((file) => importsOf(file))), []);
});

test("a closed door is noticed, by package import, by relative path and by dynamic import", () => {
  const planted = [
    'import { run } from "#sidecar/statements/analyst.ts";',
    'import { run } from "../../sidecar/statements/analyst.ts";',
    'export { run } from "#runtime/config-files.ts";',
    'const late = await import("#cli/main.ts");',
  ];
  for (const line of planted)
    assert.equal(wrongDoors(importsOf("core/policy/planted.ts", line)).length, 1, line);
});

test("an open door stays open", () => {
  assert.deepEqual(
    wrongDoors(importsOf("cli/planted.ts", 'import { decide } from "#core/policy/decide.ts";')),
    [],
  );
  assert.deepEqual(
    wrongDoors(importsOf("core/policy/planted.ts", 'import { a } from "../api/loaded.ts";')),
    [],
  );
});

test("rooms are reached by their package import, not by climbing out of one", () => {
  const climbing = repositoryFiles(SOURCE)
    .flatMap((file) => importsOf(file))
    .filter(({ file, specifier, room }) => specifier.startsWith(".") && room !== file.split("/")[0]);
  assert.deepEqual(climbing, []);
});

test("what ships imports no development dependency", async () => {
  const manifest = (await import("../../package.json", { with: { type: "json" } })).default;
  const shipped = Object.keys(manifest.dependencies);
  const foreign = repositoryFiles(SOURCE)
    .flatMap((file) => importsOf(file))
    .filter(({ specifier, room }) => room === undefined && !specifier.startsWith("node:"))
    .filter(
      ({ specifier }) => !shipped.some((name) => specifier === name || specifier.startsWith(`${name}/`)),
    )
    // Types alone are erased and ship nothing.
    .filter(({ specifier }) => specifier !== "@pgsql/types");
  assert.deepEqual(foreign, []);
});
