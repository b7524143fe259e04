/**
 * The data of an API server that has just become ready for the first time, kept once per machine. A server that starts on a copy of
 * it need not make RBAC's roles and all the rest again, which is half of what a start costs.
 */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { promisify } from "node:util";
import { cacheFolder, pruneFolders } from "./cache.ts";
import { makeOnce } from "./lock.ts";
import { type ApiPrograms, etcdFolder, startServers } from "./servers.ts";

const run = promisify(execFile);
const MAKE_MS_MAX = 120_000;
const STOP_MS_MAX = 10_000;
const KEPT = 2;

/** Into `etcdFolder(folder)`. */
export async function copyTemplate(programs: ApiPrograms, folder: string): Promise<void> {
  const template = await templateOf(programs);
  // etcd sets aside 64 MB for its log, of which most is nothing.
  await run("cp", ["-a", "--sparse=always", template, etcdFolder(folder)]);
}

async function templateOf(programs: ApiPrograms): Promise<string> {
  const home = `${cacheFolder()}/data`;
  const template = `${home}/${Object.values(programs).map(keyOf).join("-")}`;
  const isThere = (): Promise<boolean> =>
    access(template).then(
      () => true,
      () => false,
    );
  await makeOnce(
    `${home}/lock`,
    isThere,
    () => make(programs, home, template),
    AbortSignal.timeout(MAKE_MS_MAX),
  );
  return template;
}

/** The folder of a program is named after all that it depends on. */
function keyOf(program: string): string {
  return basename(dirname(program));
}

async function make(programs: ApiPrograms, home: string, template: string): Promise<void> {
  await mkdir(home, { recursive: true });
  // We have the lock: what lies there is of somebody who was cut off.
  await pruneFolders(home, /^draft-/, 0);
  const draft = await mkdtemp(`${home}/draft-`);
  try {
    {
      await using servers = await startServers({ programs, folder: draft, isBootstrapped: false });
      await servers.kill();
      // Asked to end, it leaves its data as it should be.
      servers.etcd.kill("SIGTERM");
      await endedWithin(servers.etcd.exited, STOP_MS_MAX);
    }
    await rename(etcdFolder(draft), template);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  await pruneFolders(home, /^etcd-/, KEPT);
}

async function endedWithin(exited: Promise<unknown>, waitMs: number): Promise<void> {
  const late = once(AbortSignal.timeout(waitMs), "abort").then(() => {
    throw new Error(`etcd does not end within ${waitMs} ms`);
  });
  // It may come true long after the race is over.
  late.catch(() => undefined);
  await Promise.race([exited, late]);
}
