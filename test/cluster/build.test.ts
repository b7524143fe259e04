/** How the servers are built, told by a compiler that writes down what it is asked and is done at once. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, test } from "node:test";
import { text } from "node:stream/consumers";
import { compiledSources } from "#tools/world/compiled.ts";

const skip = process.platform === "linux" ? false : "a cluster for tests runs on Linux";
const PROGRAMS = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "kube-proxy",
  "kube-scheduler",
  "kubelet",
];

/** Asked for its version, it says $COMPILER; asked to build, it does what $DOES says. */
const COMPILER = `#!/bin/sh
if [ "$1" = version ]; then echo "go version \${COMPILER:-go1.99.1} linux/amd64"; exit 0; fi
echo "$*" >>"$BUILDS"
while [ "$1" != -o ]; do shift; done
echo half >"$2"
$DOES
echo whole >"$2"
`;

interface Machine {
  readonly cache: string;
  builds(): readonly string[];
  build(
    environment?: Record<string, string>,
    words?: readonly string[],
  ): Promise<{ code: number | null; said: string }>;
}

describe("building the servers", { skip }, () => {
  test("each is built once, by whichever process comes first, and is not there before it is whole", async () => {
    await onMachine(async ({ cache, builds, build }) => {
      const both = await Promise.all([build({ DOES: "sleep 0.1" }), build({ DOES: "sleep 0.1" })]);
      assert.deepEqual(
        both.map(({ code }) => code),
        [0, 0],
      );
      assert.equal(builds().length, PROGRAMS.length);
      for (const line of builds()) assert.match(line, / build -trimpath -mod=readonly -ldflags -s -w/);
      assert.deepEqual(
        programsIn(cache).map(([name]) => name),
        PROGRAMS,
      );
      assert.ok(programsIn(cache).every(([, content]) => content === "whole\n"));
      const again = await build();
      assert.deepEqual(again, { code: 0, said: "" });
      assert.equal(builds().length, PROGRAMS.length);
    });
  });

  test("another compiler builds anew, and the oldest of three are thrown away", async () => {
    await onMachine(async ({ cache, builds, build }) => {
      for (const version of ["go1.99.1", "go1.99.2", "go1.99.3"]) await build({ COMPILER: version });
      assert.equal(builds().length, 3 * PROGRAMS.length);
      assert.equal(programsIn(cache).length, 2 * PROGRAMS.length);
      await build({ COMPILER: "go1.99.2" });
      await build({ COMPILER: "go1.99.3" });
      assert.equal(builds().length, 3 * PROGRAMS.length, "the newest two are kept");
    });
  });

  test("a build that fails says what the compiler said, leaves nothing that could be run, and is tried again", async () => {
    await onMachine(async ({ cache, build }) => {
      const failed = await build({ DOES: "eval echo no room left; exit 3" });
      assert.equal(failed.code, 1);
      assert.match(failed.said, /etcd cannot be built:\nno room left/);
      assert.deepEqual(programsIn(cache), []);
      assert.equal((await build()).code, 0);
    });
  });

  test("it ends with the process it was for", async () => {
    await onMachine(async ({ cache, build }) => {
      const owner = spawn("sleep", ["600"]);
      const pidFile = join(cache, "compiler");
      const building = build({ DOES: `eval echo $$ >${pidFile}; sleep 600` }, [`--while=${owner.pid}`]);
      while (!existsSync(pidFile)) await new Promise((resolve) => setTimeout(resolve, 20));
      owner.kill("SIGKILL");
      const { code, said } = await building;
      assert.deepEqual([code, /given up: process \d+ is gone/.test(said)], [1, true]);
      assert.deepEqual(programsIn(cache), []);
    });
  });

  test("too old a compiler, or none, is said in one line", async () => {
    await onMachine(async ({ build }) => {
      const old = await build({ COMPILER: "go1.25.9" });
      assert.deepEqual(old, {
        code: 0,
        said: "cluster: Go 1.26.0 or newer is needed for a cluster of tests, not 1.25.9 linux/amd64\n",
      });
      const none = await build({ PATH: "/nonexistent" });
      assert.equal(none.said, "cluster: Go is missing: install Go 1.26 or newer for a cluster of tests\n");
    });
  });

  test("only what the wanted tests need is built", async () => {
    await onMachine(async ({ builds, build }) => {
      await build({}, ["--for=test/policy/*.test.ts"]);
      assert.deepEqual(builds(), []);
      await build({}, ["--for=test/**/*.test.ts"]);
      assert.ok(builds().some((line) => line.endsWith("cmd/kube-apiserver")));
    });
  });
});

async function onMachine(run: (machine: Machine) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "sallyport-build-"));
  const [cache, bin, log] = [join(folder, "cache"), join(folder, "bin"), join(folder, "builds")];
  for (const made of [cache, bin]) mkdirSync(made);
  writeFileSync(join(bin, "go"), COMPILER);
  chmodSync(join(bin, "go"), 0o755);
  const environment = {
    PATH: `${bin}:${process.env["PATH"]}`,
    SALLYPORT_CACHE: cache,
    BUILDS: log,
    DOES: "",
    ...compiledSources(),
  };
  try {
    await run({
      cache,
      builds: () => (existsSync(log) ? readFileSync(log, "utf8").trim().split("\n") : []),
      async build(more = {}, words = []) {
        const child = spawn(process.execPath, ["tools/cluster/build.ts", ...words], {
          env: { ...environment, ...more },
          stdio: ["ignore", "inherit", "pipe"],
        });
        const [said, [code]] = await Promise.all([text(child.stderr), once(child, "exit")]);
        return { code: code as number | null, said };
      },
    });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What could be run: no drafts. */
function programsIn(cache: string): readonly (readonly [string, string])[] {
  return readdirSync(cache, { recursive: true, encoding: "utf8" })
    .filter((path) => /^bin\/[^/]+\/[a-z-]+$/.test(path))
    .map((path) => [path.split("/").at(-1) ?? "", readFileSync(join(cache, path), "utf8")] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
}
