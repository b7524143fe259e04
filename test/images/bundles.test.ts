/** Bundles that are kept: the same one for the same sources, and never that of other sources. */
import assert from "node:assert/strict";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { bundled } from "#tools/images/bundles.ts";

interface Repository extends Disposable {
  write(path: string, text: string): void;
  /** What the gateway of these sources is, and where it is kept. */
  gateway(): Promise<{ readonly folder: string; readonly text: string }>;
  kept(): readonly string[];
}

/** Sources of a gateway that says a word. */
function openRepository(): Repository {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "sallyport-bundles-")));
  const home = join(root, "kept");
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  };
  write("package.json", '{ "type": "module", "imports": { "#core/*": "./core/*" } }');
  write("package-lock.json", "{}");
  write("sidecar/pod/main.ts", 'import { word } from "#core/word.ts";\nconsole.log(word);');
  write("core/word.ts", 'export const word: string = "first";');
  return {
    write,
    async gateway() {
      const folder = await bundled(["gateway"], { root, home });
      return { folder, text: readFileSync(join(folder, "gateway.js"), "utf8") };
    },
    kept: () => readdirSync(home).filter((name) => name !== "lock"),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

test("of the same sources there is one, however often and by how many at once it is asked for", async () => {
  using repository = openRepository();
  const all = await Promise.all([repository.gateway(), repository.gateway()]);
  all.push(await repository.gateway());
  assert.equal(new Set(all.map(({ folder }) => folder)).size, 1);
  assert.match(all[0]?.text ?? "", /"first"/);
  assert.equal(repository.kept().length, 1);
});

test("one that is being removed is not there any more", async () => {
  using repository = openRepository();
  const { folder } = await repository.gateway();
  rmSync(join(dirname(folder), "inputs.json"));
  assert.match((await repository.gateway()).text, /"first"/);
});

test("a source that has changed is noticed, at once and whichever it is", async () => {
  using repository = openRepository();
  const first = await repository.gateway();
  repository.write("core/word.ts", 'export const word: string = "second";');
  const second = await repository.gateway();
  assert.match(second.text, /"second"/);
  // As it was, the old one is right again.
  repository.write("core/word.ts", 'export const word: string = "first";');
  assert.deepEqual(await repository.gateway(), first);
  repository.write("core/other.ts", 'export const word: string = "third";');
  repository.write("sidecar/pod/main.ts", 'import { word } from "#core/other.ts";\nconsole.log(word);');
  assert.match((await repository.gateway()).text, /"third"/);
  rmSync(join(first.folder, "../../../core/other.ts"));
  await assert.rejects(repository.gateway(), /other\.ts/);
});

test("so are packages, options and the bundler itself", async () => {
  using repository = openRepository();
  const folders = [(await repository.gateway()).folder];
  for (const path of [
    "package-lock.json",
    "tsconfig.json",
    "rolldown.config.ts",
    "node_modules/rolldown/package.json",
  ]) {
    repository.write(path, '{ "version": "2" }');
    folders.push((await repository.gateway()).folder);
  }
  assert.equal(new Set(folders).size, folders.length);
});
