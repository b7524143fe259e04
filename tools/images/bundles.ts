/**
 * Programs as they are shipped, bundled once for the same sources: images and tests take them from here. What a bundle was made from
 * is written down beside it, every module with its digest, and it is taken again only while all of that is as it was.
 */
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, readFile, readdir, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import { pruneFolders } from "#tools/cluster/cache.ts";
import { makeOnce } from "#tools/cluster/lock.ts";
import { type Program, bundleOf } from "../../rolldown.config.ts";
import { compiled } from "./c-program.ts";

/** Gives the folder of these programs, which is to be read and not written to. */
export type Bundle = (programs: readonly Program[]) => Promise<string>;

export interface Place {
  /** The repository whose sources they are. */
  readonly root: string;
  /** Where bundles are kept. */
  readonly home: string;
}

type Digests = Readonly<Record<string, string>>;

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const HERE: Place = { root: ROOT, home: `${ROOT}/.cache/bundles` };
/** What decides, besides the modules themselves, what a bundle of them comes to. */
const SETTINGS = [
  "package.json",
  "package-lock.json",
  "tsconfig.json",
  "rolldown.config.ts",
  "node_modules/rolldown/package.json",
  "node_modules/libpg-query/package.json",
];
const MAKE_MS_MAX = 120_000;
const ATTEMPTS_MAX = 20;
const CLOCK_MS = 50;
const KEPT = 16;

export async function bundled(programs: readonly Program[], place: Place = HERE): Promise<string> {
  const key = await keyOf(programs, place.root);
  await mkdir(place.home, { recursive: true });
  const found: string[] = [];
  const isThere = async (): Promise<boolean> => {
    found.push(...(await findKept(key, place)));
    return found.length > 0;
  };
  const make = (): Promise<void> => keep(programs, key, place);
  await makeOnce(`${place.home}/lock`, isThere, make, AbortSignal.timeout(MAKE_MS_MAX));
  return found[0] ?? "";
}

/** Always from the sources, into a folder of the caller's and without a warning; gives every file that was read. */
export async function bundleAnew(
  programs: readonly Program[],
  folder: string,
  root: string = ROOT,
): Promise<readonly string[]> {
  const { build } = await import("rolldown");
  // What cannot be found is a warning to the bundler, which leaves it out: it would not be noticed when it comes.
  const warnings: string[] = [];
  const onLog = (_level: string, { message }: { readonly message: string }): void =>
    void warnings.push(message);
  const { output } = await build({ ...bundleOf(programs, folder), cwd: root, logLevel: "warn", onLog });
  if (warnings.length > 0)
    throw new Error(`${programs.join(", ")} cannot be bundled: ${warnings.join("; ")}`);
  const modules = output.flatMap((part) => (part.type === "chunk" ? part.moduleIds : []));
  return [...new Set(modules)].filter((id) => id.startsWith(`${root}/`));
}

async function keyOf(programs: readonly Program[], root: string): Promise<string> {
  const settings = await digestsOf(SETTINGS, root);
  const parts = [[...programs].sort(), settings, process.version, process.arch, await compiled("addon")];
  return digestOf(JSON.stringify(parts)).slice(0, 16);
}

/** The folder of programs of that key, when nothing that they were made from has changed. */
async function findKept(key: string, { root, home }: Place): Promise<readonly string[]> {
  for (const name of await readdir(home)) {
    if (!name.startsWith(`${key}-`)) continue;
    const inputs = await unlessGone(readFile(`${home}/${name}/inputs.json`, "utf8"));
    if (inputs === undefined) continue;
    const before = JSON.parse(inputs) as Digests;
    const now = await digestsOf(Object.keys(before), root);
    if (JSON.stringify(now) !== JSON.stringify(before)) continue;
    // Whoever prunes goes by when it was used last.
    const isThere = await unlessGone(utimes(`${home}/${name}`, new Date(), new Date()).then(() => true));
    if (isThere === true) return [`${home}/${name}/programs`];
  }
  return [];
}

/** It is looked for without the lock, by the holder of which it may be removed meanwhile. */
function unlessGone<Found>(found: Promise<Found>): Promise<Found | undefined> {
  return found.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

async function keep(programs: readonly Program[], key: string, { root, home }: Place): Promise<void> {
  // We have the lock: what lies there is of somebody who was cut off.
  await pruneFolders(home, /^draft-/, 0);
  const draft = await mkdtemp(`${home}/draft-`);
  try {
    const inputs = JSON.stringify(await bundleStill(programs, `${draft}/programs`, root));
    await writeFile(`${draft}/inputs.json`, inputs);
    const kept = `${home}/${key}-${digestOf(inputs).slice(0, 16)}`;
    await rm(kept, { recursive: true, force: true });
    await rename(draft, kept);
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
  await pruneFolders(home, /^[0-9a-f]{16}-/, KEPT);
}

/** Until nothing was written while it was read, so that the digests are of what is in the bundle. */
async function bundleStill(programs: readonly Program[], folder: string, root: string): Promise<Digests> {
  for (let attempt = 1; attempt <= ATTEMPTS_MAX; attempt += 1) {
    await rm(folder, { recursive: true, force: true });
    const fromMs = Date.now();
    const files = await bundleAnew(programs, folder, root);
    const digests = await digestsOf(files.map((file) => relative(root, file)).sort(), root);
    const writtenMs = await Promise.all(files.map(async (file) => (await stat(file)).mtimeMs));
    // The clock of a file system may be somewhat behind.
    if (writtenMs.every((ms) => ms < fromMs - CLOCK_MS)) return digests;
  }
  throw new Error(`the sources of ${programs.join(", ")} are written to all the time`);
}

/** Of a file that is not there, that it is not. */
async function digestsOf(paths: readonly string[], root: string): Promise<Digests> {
  const digests: Record<string, string> = {};
  for (const path of paths) {
    const content = await unlessGone(readFile(`${root}/${path}`));
    digests[path] = content === undefined ? "absent" : digestOf(content);
  }
  return digests;
}

const digestOf = (content: string | Uint8Array): string => createHash("sha256").update(content).digest("hex");
