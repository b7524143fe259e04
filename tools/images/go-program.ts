/** `gw-init`, built from `images/gw-init` once per machine and kept under everything that it depends on. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cacheFolder, pruneFolders } from "#tools/cluster/cache.ts";
import { makeOnce } from "#tools/cluster/lock.ts";

const run = promisify(execFile);

const SOURCE = fileURLToPath(new URL("../../images/gw-init", import.meta.url));
const FLAGS = ["-trimpath", "-mod=readonly", "-buildvcs=false", "-ldflags", "-s -w"];
const ENVIRONMENT = { CGO_ENABLED: "0", GOTOOLCHAIN: "local", GOWORK: "off", GOFLAGS: "" };
const BUILD_MS_MAX = 5 * 60_000;
const KEPT = 4;

/** Where the program is, once it is there. */
export async function gwInitProgram(): Promise<string> {
  const environment = { ...process.env, ...ENVIRONMENT };
  const { stdout: version } = await run("go", ["version"], { env: environment });
  const folder = `${cacheFolder()}/gw-init`;
  const program = `${folder}/${keyOf(version)}`;
  mkdirSync(folder, { recursive: true });
  const signal = AbortSignal.timeout(BUILD_MS_MAX);
  const build = async (): Promise<void> => {
    const draft = `${program}.draft`;
    await run("go", ["-C", SOURCE, "build", ...FLAGS, "-o", draft, "."], { env: environment, signal });
    renameSync(draft, program);
    await pruneFolders(folder, /^[0-9a-f]{64}$/, KEPT);
  };
  await makeOnce(`${folder}/lock`, () => Promise.resolve(existsSync(program)), build, signal);
  return program;
}

function keyOf(version: string): string {
  const hash = createHash("sha256").update(JSON.stringify([version, FLAGS]));
  const names = readdirSync(SOURCE).filter((name) => /\.go$|^go\.(?:mod|sum)$/.test(name));
  for (const name of names.sort())
    hash
      .update(`${name}\0`)
      .update(readFileSync(`${SOURCE}/${name}`))
      .update("\0");
  return hash.digest("hex");
}
