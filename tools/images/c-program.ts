/**
 * What of the gateway is C: the addon that asks the kernel about sockets, and the first process of its container. Each is compiled once
 * per machine and kept under everything that it depends on.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, realpathSync, renameSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder, pruneFolders } from "#tools/cluster/cache.ts";
import { makeOnce } from "#tools/cluster/lock.ts";

const run = promisify(execFile);

const WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror"];
/** What distributions compile their own programs with, and no name of a folder of ours in the result. */
const COMMON = ["-std=gnu11", "-O2", "-s", "-D_FORTIFY_SOURCE=2", "-fstack-protector-strong", ...WARNINGS];
const PROGRAMS = {
  /** Loaded by Node.js. */
  addon: {
    source: "runtime/native/sockets.c",
    flags: [...COMMON, "-shared", "-fPIC", "-fvisibility=hidden", "-Wl,-z,relro,-z,now"],
  },
  /** Alone in its image but for Node.js: linked to nothing. */
  launcher: { source: "images/gateway/launcher/launcher.c", flags: [...COMMON, "-static-pie", "-fPIE"] },
} as const;

export type CProgram = keyof typeof PROGRAMS;

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const BUILD_MS_MAX = 60_000;
const KEPT = 8;

/** Where the program is, once it is there. Defines are for tests: a release has the source's own. */
export async function compiled(
  name: CProgram,
  defines: Readonly<Record<string, number>> = {},
): Promise<string> {
  const { source } = PROGRAMS[name];
  const flags = [...PROGRAMS[name].flags, ...Object.entries(defines).map(([key, is]) => `-D${key}=${is}`)];
  const text = readFileSync(join(ROOT, source));
  const headers = headersOfNode();
  const version = await compilerVersion();
  const digest = createHash("sha256")
    .update(JSON.stringify([version, process.version, flags]))
    .update(text);
  const folder = `${cacheFolder()}/native`;
  const program = `${folder}/${name}-${digest.digest("hex")}`;
  mkdirSync(folder, { recursive: true });
  const signal = AbortSignal.timeout(BUILD_MS_MAX);
  const build = async (): Promise<void> => {
    const draft = `${program}.draft`;
    await run("cc", [...flags, "-I", headers, "-o", draft, source], { cwd: ROOT, signal });
    renameSync(draft, program);
    await pruneFolders(folder, /^[a-z]+-[0-9a-f]{64}$/, KEPT);
  };
  await makeOnce(`${folder}/lock`, () => Promise.resolve(existsSync(program)), build, signal);
  return program;
}

async function compilerVersion(): Promise<string> {
  try {
    return (await run("cc", ["--version"])).stdout;
  } catch (cause) {
    throw new Error("no C compiler: install gcc, or clang with a link named cc", { cause });
  }
}

/** They come with Node.js, and nothing of it but Node-API is used. */
function headersOfNode(): string {
  const folder = join(dirname(realpathSync(process.execPath)), "../include/node");
  if (existsSync(join(folder, "node_api.h"))) return folder;
  throw new Error(`no headers of Node.js at ${folder}: install them beside it`);
}
