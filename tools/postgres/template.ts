import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { access, chown, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Account } from "./account.ts";
import { type Binaries, PostgresUnavailable } from "./binaries.ts";

const run = promisify(execFile);
const TEMPLATES = fileURLToPath(new URL("../../.cache/postgres", import.meta.url));
const INITDB_MS_MAX = 60_000;
/** Small log files, as every server begins with a copy of them. */
const INITDB_FLAGS =
  "-U postgres --auth-local=trust --auth-host=scram-sha-256 --locale=C.UTF-8 -E UTF8 --wal-segsize=1 --no-sync --no-instructions";

/** Copies a fresh cluster to `folder`; initdb runs once for each release, set of flags and account. */
export async function copyCluster(binaries: Binaries, account: Account, folder: string): Promise<void> {
  const template = await templateOf(binaries, account);
  await run("cp", ["-a", "--reflink=auto", template, folder], as(account));
}

async function templateOf(binaries: Binaries, account: Account): Promise<string> {
  const flags = createHash("sha256").update(INITDB_FLAGS).digest("hex").slice(0, 8);
  const template = `${TEMPLATES}/${binaries.release}-${flags}-uid${account.uid}`;
  if (await exists(template)) return template;
  await mkdir(TEMPLATES, { recursive: true });
  const draft = await mkdtemp(`${TEMPLATES}/draft-`);
  try {
    if (account.borrowed) await chown(draft, account.uid, account.gid);
    await initdb(binaries, account, `${draft}/data`);
    await renameUnlessThere(`${draft}/data`, template);
    return template;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function initdb(binaries: Binaries, account: Account, folder: string): Promise<void> {
  try {
    await run(binaries.initdb, ["-D", folder, ...INITDB_FLAGS.split(" ")], {
      ...as(account),
      timeout: INITDB_MS_MAX,
    });
  } catch (cause) {
    // Typical: a checkout under a home folder that the borrowed account may not enter.
    throw new PostgresUnavailable(`initdb failed as uid ${account.uid}: ${(cause as Error).message}`, {
      cause,
    });
  }
}

/** Two runs may have made the same template: whichever comes second keeps the first one's. */
async function renameUnlessThere(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOTEMPTY" && code !== "EEXIST") throw error;
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function as(account: Account): { uid: number; gid: number; cwd: string } {
  return { uid: account.uid, gid: account.gid, cwd: "/" };
}
