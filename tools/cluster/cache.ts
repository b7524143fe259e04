/** What is made once per machine and kept outside the tree: built programs, downloaded clients, prepared data. */
import { readdir, rm, stat } from "node:fs/promises";
import { homedir } from "node:os";

/** `SALLYPORT_CACHE` moves it. */
export function cacheFolder(): string {
  const home = process.env["XDG_CACHE_HOME"] || `${homedir()}/.cache`;
  return process.env["SALLYPORT_CACHE"] || `${home}/sallyport`;
}

/** Keeps those of them that were made last. */
export async function pruneFolders(home: string, named: RegExp, kept: number): Promise<void> {
  const names = (await readdir(home)).filter((name) => named.test(name));
  const dated = await Promise.all(
    names.map(async (name) => ({ path: `${home}/${name}`, ms: (await stat(`${home}/${name}`)).mtimeMs })),
  );
  for (const { path } of dated.sort((a, b) => b.ms - a.ms).slice(kept))
    await rm(path, { recursive: true, force: true });
}
