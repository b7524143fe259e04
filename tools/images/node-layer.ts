/**
 * Node.js and the libraries it is linked to, and nothing else: no shell, no package manager, no certificates but those that Node
 * carries itself. The libraries are this machine's; which, is written into the image where scanners look for it, so that they find
 * what has to be replaced.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readFileSync, realpathSync } from "node:fs";
import type { Entry } from "./tar.ts";

export const NODE_PATH = "usr/bin/node";

/**
 * Of a program that whoever runs it cannot read, the kernel gives out nothing: no core, no memory under /proc, no debugger, also not to
 * the same user. It is the only way to have that from the first instruction on, since `exec` undoes what prctl says.
 */
const UNREADABLE = 0o711;

export function nodeLayer(): readonly Entry[] {
  const libraries = librariesOf(process.execPath);
  const packages = packagesOf(libraries.map(({ file }) => file));
  return [
    program(NODE_PATH, process.execPath, UNREADABLE),
    ...libraries.map(({ path, file }) => program(path, file)),
    ...[...packages].flatMap((name) => paperwork(name)),
    text("etc/passwd", "nonroot:x:65532:65532::/:/sbin/nologin\n"),
    text("etc/group", "nonroot:x:65532:\n"),
  ];
}

const program = (path: string, file: string, mode = 0o755): Entry => ({
  kind: "file",
  path,
  content: { file },
  mode,
});
const text = (path: string, content: string): Entry => ({
  kind: "file",
  path,
  content: Buffer.from(content),
});

interface Library {
  /** Where the loader looks for it, in the image as here. */
  readonly path: string;
  readonly file: string;
}

/** ldd writes `name => path (address)`, and the loader as `path (address)`. */
function librariesOf(file: string): Library[] {
  const listing = execFileSync("ldd", [file], { encoding: "utf8" });
  const missing = /^\s*(\S+) => not found/m.exec(listing);
  if (missing !== null) throw new Error(`${file} needs ${missing[1]}, which is not installed`);
  return [...listing.matchAll(/^\s*(?:\S+ => )?(\/\S+) \(0x/gm)].map(([, path = ""]) => ({
    path: path.slice(1),
    file: realpathSync(path),
  }));
}

/** As Debian's package manager knows them; none on other systems, and for files of nobody's. */
function packagesOf(files: readonly string[]): ReadonlySet<string> {
  if (!existsSync("/usr/bin/dpkg-query") || files.length === 0) return new Set();
  // A merged /usr is listed under its old names too.
  const paths = files.flatMap((file) =>
    file.startsWith("/usr/") ? [file, file.slice("/usr".length)] : [file],
  );
  const { status, stdout, stderr } = spawnSync("dpkg-query", ["-S", ...paths], { encoding: "utf8" });
  // 1 is that it does not know one of them, beside what it says of the others.
  if (status !== 0 && status !== 1) throw new Error(`dpkg-query -S: ${stderr}`);
  return new Set([...stdout.matchAll(/^([^:,\s]+)[^/\n]*: \//gm)].map(([, name = ""]) => name));
}

/** The package's record, where scanners of images without a package manager look, and its licence. */
function paperwork(name: string): Entry[] {
  const record = execFileSync("dpkg-query", ["-s", name], { encoding: "utf8" });
  const licence = `usr/share/doc/${name}/copyright`;
  return [
    text(`var/lib/dpkg/status.d/${name}`, record),
    { kind: "file", path: licence, content: readFileSync(`/${licence}`) },
  ];
}
