/** PostgreSQL's own regression tests: pg_regress with its parallel schedule, and what psql wrote down of each test. */
import { execFile } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { chmod, chown, cp, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { serverAccount } from "#tools/postgres/account.ts";
import type { Outcomes } from "./outcomes.ts";
import type { Way } from "./ways.ts";

const SOURCES = fileURLToPath(new URL("../../.cache/conformance/regress", import.meta.url));
const PSQL_FOLDERS = [
  "/usr/lib/postgresql/15/bin",
  "/usr/lib/postgresql/16/bin",
  "/usr/lib/postgresql/17/bin",
];
const RUN_MS_MAX = 600_000;

export async function releaseOfRegress(): Promise<string> {
  return (await readFile(join(SOURCES, "version"), "utf8")).trim();
}

/** The same folder for every way, since its name is in what tests write; only one run at a time. */
export interface RegressFolder extends AsyncDisposable {
  run(way: Way): Promise<Outcomes>;
}

export async function openRegress(): Promise<RegressFolder> {
  const folder = await mkdtemp(join(tmpdir(), "sallyport-regress-"));
  const { uid, gid, borrowed } = serverAccount();
  await chmod(folder, 0o755);
  await cp(SOURCES, join(folder, "tests"), { recursive: true });
  if (borrowed) {
    await chown(folder, uid, gid);
    for (const name of await readdir(folder, { recursive: true })) await chown(join(folder, name), uid, gid);
  }
  return {
    run: (way) => run(way, folder),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

async function run(way: Way, folder: string): Promise<Outcomes> {
  const tests = join(folder, "tests");
  const { uid, gid, borrowed } = serverAccount();
  const results = join(tests, "results");
  await rm(results, { recursive: true, force: true });
  const words = [
    `--inputdir=${tests}`,
    `--outputdir=${tests}`,
    `--dlpath=${join(tests, "libraries")}`,
    `--bindir=${psqlFolder()}`,
    `--schedule=${join(tests, "parallel_schedule")}`,
    "--host=127.0.0.1",
    `--port=${way.portFor(uid)}`,
    "--user=postgres",
    "--max-concurrent-tests=20",
  ];
  try {
    await promisify(execFile)(join(tests, "pg_regress"), words, {
      cwd: tests,
      timeout: RUN_MS_MAX,
      maxBuffer: 16 * 1024 * 1024,
      env: { PATH: process.env["PATH"] ?? "", LANG: "C.UTF-8" },
      ...(borrowed ? { uid, gid } : {}),
    });
  } catch (error) {
    // It says by its exit that a result is not as expected, which direct runs say too. What counts is what it wrote.
    const { code, stdout = "" } = error as { code?: unknown; stdout?: string };
    if (code !== 1 || !/of \d+ tests/.test(stdout)) throw error;
  }
  return new Map(
    await Promise.all(
      (await readdir(results))
        .filter((name) => name.endsWith(".out"))
        .map(
          async (name) => [basename(name, ".out"), await readFile(join(results, name), "latin1")] as const,
        ),
    ),
  );
}

/** Debian's own command picks a version by cluster, which costs a Perl for each of hundreds of tests. */
function psqlFolder(): string {
  const found = PSQL_FOLDERS.find((folder) => {
    try {
      accessSync(join(folder, "psql"), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found === undefined) throw new Error(`psql is in none of ${PSQL_FOLDERS.join(", ")}`);
  return found;
}
