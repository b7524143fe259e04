/** Configuration is read whole or named as a problem; what is there is never taken for absent. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { type ConfigLimits, readConfigFile, readConfigFiles } from "#runtime/config-files.ts";

const LIMITS: ConfigLimits = { files: 10, fileBytes: 100, totalBytes: 250, depth: 2, entries: 50 };

function inDirectory(fill: (root: string) => void, look: (root: string) => void): void {
  const root = mkdtempSync(join(tmpdir(), "config-files-"));
  try {
    fill(root);
    look(root);
  } finally {
    rmSync(root, { recursive: true });
  }
}

function seen(root: string, limits: ConfigLimits = LIMITS): readonly string[] {
  return readConfigFiles(root, limits).map((file) => {
    const path = file.path.slice(root.length + 1);
    return "text" in file ? `${path}=${file.text}` : `${path}!${file.problem.replaceAll(root, "")}`;
  });
}

test("YAML and JSON files are read in the order of their names, nothing else is", () => {
  const fill = (root: string): void => {
    mkdirSync(join(root, "sub"));
    for (const name of [
      "b.yml",
      "a.yaml",
      "c.json",
      "README.md",
      "x.yaml.bak",
      ".hidden.yaml",
      "sub/d.yaml",
    ]) {
      writeFileSync(join(root, name), name);
    }
  };
  inDirectory(fill, (root) => {
    assert.deepEqual(seen(root), ["a.yaml=a.yaml", "b.yml=b.yml", "c.json=c.json", "sub/d.yaml=sub/d.yaml"]);
  });
});

test("a ConfigMap's mount gives each file once", () => {
  const fill = (root: string): void => {
    mkdirSync(join(root, "..2026_11_25"));
    writeFileSync(join(root, "..2026_11_25", "policy.yaml"), "kind: x");
    symlinkSync("..2026_11_25", join(root, "..data"));
    symlinkSync("..data/policy.yaml", join(root, "policy.yaml"));
  };
  inDirectory(fill, (root) => assert.deepEqual(seen(root), ["policy.yaml=kind: x"]));
});

test("what cannot be read is named: a link to nowhere, a socket's like, a directory that is not there", () => {
  const fill = (root: string): void => {
    symlinkSync("/dev/null", join(root, "device.yaml"));
    symlinkSync("nowhere", join(root, "link.yaml"));
    symlinkSync("nowhere", join(root, "notes.txt"));
    mkdirSync(join(root, "directory.yaml"));
  };
  inDirectory(fill, (root) => {
    assert.deepEqual(seen(root), [
      "device.yaml!not a regular file",
      "link.yaml!ENOENT: no such file or directory, stat '/link.yaml'",
    ]);
    const [problem, ...others] = readConfigFiles(join(root, "absent"));
    assert.deepEqual(others, []);
    assert.match(problem !== undefined && "problem" in problem ? problem.problem : "", /^ENOENT/);
  });
});

test("a file that is no UTF-8 is a problem, and one that is comes out letter by letter", () => {
  const fill = (root: string): void => {
    writeFileSync(join(root, "a.yaml"), Buffer.from([0xff, 0xfe, 0x61]));
    writeFileSync(join(root, "b.yaml"), "é😀\r\n");
    writeFileSync(join(root, "c.yaml"), "");
  };
  inDirectory(fill, (root) => {
    assert.deepEqual(seen(root), ["a.yaml!not UTF-8", "b.yaml=é😀\r\n", "c.yaml="]);
    assert.deepEqual(readConfigFile(join(root, "b.yaml")), { path: join(root, "b.yaml"), text: "é😀\r\n" });
  });
});

test("a file's size and all files' size are bounded", () => {
  const fill = (root: string): void => {
    writeFileSync(join(root, "a.yaml"), "a".repeat(100));
    writeFileSync(join(root, "b.yaml"), "b".repeat(101));
    writeFileSync(join(root, "c.yaml"), "c".repeat(100));
  };
  inDirectory(fill, (root) => {
    assert.deepEqual(
      seen(root).map((line) => line.replace(/=.*/, "=")),
      ["a.yaml=", "b.yaml!larger than 100 bytes", "c.yaml!the files together are too large"],
    );
  });
});

test("the number of files, of entries and of nested directories is bounded, and the bound shows", () => {
  const fill = (root: string): void => {
    mkdirSync(join(root, "x/y/z"), { recursive: true });
    for (let index = 0; index < 12; index += 1) writeFileSync(join(root, `${10 + index}.yaml`), "");
  };
  inDirectory(fill, (root) => {
    const files = seen(root);
    assert.equal(files.length, 11);
    assert.equal(files.at(-1), "!more than 10 files");
    assert.equal(seen(root, { ...LIMITS, files: 20 }).at(-1), "x/y/z!directories nested deeper than 2");
    assert.equal(seen(root, { ...LIMITS, entries: 5 }).at(-1), "!more than 5 entries");
  });
});

test("a circle of links ends", () => {
  inDirectory(
    (root) => symlinkSync(".", join(root, "again")),
    (root) => assert.deepEqual(seen(root), ["again/again/again!directories nested deeper than 2"]),
  );
});

test("a pipe or a device named in a file's place is a problem, and nobody waits for it", () => {
  const fill = (root: string): void => {
    execFileSync("mkfifo", [join(root, "pipe.yaml")]);
    symlinkSync("/dev/zero", join(root, "zero.yaml"));
  };
  inDirectory(fill, (root) => {
    for (const path of [join(root, "pipe.yaml"), join(root, "zero.yaml"), root])
      assert.deepEqual(readConfigFile(path), { path, problem: "not a regular file" });
  });
});
