/** A gateway that may take little memory refuses what would take more, and goes on. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, rmdirSync, writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { TREE_CHARS_MAX, treeCharsMaxIn } from "#sidecar/statements/limits.ts";

const ROOT = "/sys/fs/cgroup";
const MIB = 1024 * 1024;
const PROGRAM = fileURLToPath(new URL("programs/bombs.ts", import.meta.url));
/** Of the 256 MiB of a pod's gateway, what its sessions leave. */
const LEFT_BYTES = 200 * MIB;

test("the bound of trees follows the memory that there is", () => {
  assert.equal(treeCharsMaxIn(256 * MIB), 4 * MIB);
  assert.equal(treeCharsMaxIn(16 * MIB), MIB);
  for (const memory of [0, 512 * MIB, 2 ** 63, Number.MAX_VALUE])
    assert.equal(treeCharsMaxIn(memory), TREE_CHARS_MAX);
});

describe("in a control group of its own", { skip: groupProblem() ?? false }, () => {
  const run = (how: "bounded" | "unbounded") => {
    const group = makeGroup(`sallyport-bombs-${process.pid}-${how}`, LEFT_BYTES);
    try {
      const enter = `echo $$ > ${group}/cgroup.procs && exec "$0" --liftoff-only "$@"`;
      return spawnSync("/bin/sh", ["-c", enter, process.execPath, PROGRAM, how], { encoding: "utf8" });
    } finally {
      rmdirSync(group);
    }
  };

  test("statements made to fill the memory are refused, and the next one is analysed", () => {
    const { status, signal, stdout, stderr } = run("bounded");
    assert.deepEqual([status, signal], [0, null], stderr);
    const { codes, good } = JSON.parse(stdout) as { codes: string[]; good: string };
    assert.ok(codes.includes("TOO_LARGE"), stdout);
    assert.equal(good, "read");
  });

  test("with the bound of a large machine the same statements are its end", () => {
    const { signal, stdout } = run("unbounded");
    assert.equal(signal, "SIGKILL", stdout);
  });
});

function groupProblem(): string | undefined {
  if (process.platform !== "linux") return "control groups are Linux's";
  if (process.getuid?.() !== 0) return "control groups need root";
  if (existsSync(`${ROOT}/cgroup.controllers`) || existsSync(`${ROOT}/memory`)) return undefined;
  return "there is no control group for memory";
}

/** Without swap, as in a pod. */
function makeGroup(name: string, bytesMax: number): string {
  const isSecond = existsSync(`${ROOT}/cgroup.controllers`);
  const group = isSecond ? `${ROOT}/${name}` : `${ROOT}/memory/${name}`;
  if (isSecond) writeFileSync(`${ROOT}/cgroup.subtree_control`, "+memory");
  mkdirSync(group);
  const settings = isSecond
    ? { "memory.max": bytesMax, "memory.swap.max": 0 }
    : { "memory.limit_in_bytes": bytesMax, "memory.memsw.limit_in_bytes": bytesMax };
  for (const [file, value] of Object.entries(settings))
    if (existsSync(`${group}/${file}`)) writeFileSync(`${group}/${file}`, String(value));
  return group;
}
