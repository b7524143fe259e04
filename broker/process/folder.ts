/** The folder of kinds as it is now: read whole, with the certificate authorities that the kinds name. */
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { CertificateAuthority } from "#core/api/kinds.gen.ts";
import { loadKinds, type KindFile } from "#core/api/load.ts";
import type { Loaded } from "#core/api/loaded.ts";
import { readConfigFile, readConfigFiles } from "#runtime/config-files.ts";

export interface Folder {
  readonly files: readonly KindFile[];
  readonly loaded: Loaded;
  /** PEM by path; what cannot be read is absent. */
  readonly authorities: ReadonlyMap<string, string>;
  /** Another one whenever a byte of it is another. */
  readonly key: string;
}

/** Kinds whose last good version stays in force while the file that holds it is broken. Policies have rules of their own. */
const KEPT = ["connections", "identityProviders", "gateways"] as const;

export interface FolderReader {
  read(): Folder;
}

/** `revocations`: of the broker's own, read as if they were there too. */
export function folderReader(directory: string, revocations?: string): FolderReader {
  /** The last text of each file in which nothing was wrong. */
  let good: ReadonlyMap<string, string> = new Map();
  let last: Folder | undefined;

  function load(files: readonly KindFile[]): Loaded {
    const fresh = loadKinds(files);
    const isBroken = brokenPaths(files, fresh);
    const kept = [...good].filter(([path]) => isBroken(path));
    const texts = files.flatMap((file) => ("text" in file ? [[file.path, file.text] as const] : []));
    good = new Map([...texts.filter(([path]) => !isBroken(path)), ...kept]);
    return withLastGood(fresh, kept);
  }

  return {
    read() {
      const files = [directory, ...(revocations === undefined ? [] : [revocations])].flatMap((folder) =>
        readConfigFiles(folder),
      );
      // It is read twice a second, and to parse hundreds of policies takes longer than all else that a broker does.
      const before = last !== undefined && areSame(last.files, files) ? last : undefined;
      const loaded = before?.loaded ?? load(files);
      const authorities = readAuthorities(loaded);
      if (before !== undefined && isDeepStrictEqual(before.authorities, authorities)) return before;
      const folder = { files, loaded, authorities, key: keyOf(files, authorities) };
      last = folder;
      return folder;
    },
  };
}

function areSame(before: readonly KindFile[], now: readonly KindFile[]): boolean {
  return before.length === now.length && now.every((file, index) => isSame(before[index], file));
}

function isSame(before: KindFile | undefined, now: KindFile): boolean {
  if (before?.path !== now.path) return false;
  return "text" in now
    ? "text" in before && before.text === now.text
    : "problem" in before && before.problem === now.problem;
}

function keyOf(files: readonly KindFile[], authorities: ReadonlyMap<string, string>): string {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([files, [...authorities]]));
  return hash.digest("base64url");
}

/** A folder that cannot be read takes all its files with it. */
function brokenPaths(files: readonly KindFile[], { diagnostics }: Loaded): (path: string) => boolean {
  const unread = files.flatMap((file) => ("problem" in file ? [file.path] : []));
  const wrong = diagnostics.flatMap(({ severity, file }) => (severity === "error" ? [file] : []));
  const broken = new Set([...unread, ...wrong]);
  return (path) => broken.has(path) || unread.some((folder) => path.startsWith(`${folder}/`));
}

function withLastGood(fresh: Loaded, kept: readonly (readonly [string, string])[]): Loaded {
  if (kept.length === 0) return fresh;
  const before = loadKinds(kept.map(([path, text]) => ({ path, text })));
  const merged = Object.fromEntries(KEPT.map((list) => [list, merge(fresh[list], before[list])]));
  return { ...fresh, ...merged };
}

interface Named {
  readonly metadata: { readonly namespace?: string; readonly name: string };
}

function merge(fresh: readonly Named[], before: readonly Named[]): readonly Named[] {
  const nameOf = ({ metadata: { namespace, name } }: Named): string => JSON.stringify([namespace, name]);
  const there = new Set(fresh.map(nameOf));
  return [...fresh, ...before.filter((object) => !there.has(nameOf(object)))];
}

function readAuthorities({ connections, identityProviders }: Loaded): ReadonlyMap<string, string> {
  const named: readonly (CertificateAuthority | undefined)[] = [
    ...connections.map(({ spec }) => spec.tls?.ca),
    ...identityProviders.map(({ spec }) => spec.ca),
  ];
  const paths = new Set(named.flatMap((ca) => (ca?.file === undefined ? [] : [ca.file])));
  return new Map(
    [...paths].flatMap((path) => {
      const file = readConfigFile(path);
      return "text" in file ? [[path, file.text] as const] : [];
    }),
  );
}
