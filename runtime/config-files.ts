/**
 * Reads the configuration files below a directory: bounded, in a fixed order, each file once. A file that is there and
 * cannot be read comes back as a problem, because whoever reads the result must not take it for absent.
 *
 * Kubernetes mounts a ConfigMap as `name → ..data/name`, `..data → ..2026_11_25…`: everything whose name starts with a
 * dot is passed over, and a link is followed to a file, so that the mount's files are read by their plain names, once.
 */
import { closeSync, constants, fstatSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join } from "node:path";

export const FILES_MAX = 2_000;
export const FILE_BYTES_MAX = 1_048_576;
export const TOTAL_BYTES_MAX = 64 * 1_048_576;
export const DIRECTORY_DEPTH_MAX = 8;
/** Entries of any kind, so that a directory full of something else is not walked for ever. */
export const ENTRIES_MAX = 50_000;

export type ConfigFile =
  | { readonly path: string; readonly text: string }
  | { readonly path: string; readonly problem: string };

export interface ConfigLimits {
  readonly files: number;
  readonly fileBytes: number;
  readonly totalBytes: number;
  readonly depth: number;
  readonly entries: number;
}

const LIMITS: ConfigLimits = {
  files: FILES_MAX,
  fileBytes: FILE_BYTES_MAX,
  totalBytes: TOTAL_BYTES_MAX,
  depth: DIRECTORY_DEPTH_MAX,
  entries: ENTRIES_MAX,
};

/** JSON is YAML, and `kubectl apply -f` reads it from a directory too. */
const NAME = /\.(yaml|yml|json)$/;

/** Paths start with `directory` as it was given and come sorted by name, directory by directory. */
export function readConfigFiles(directory: string, limits: ConfigLimits = LIMITS): readonly ConfigFile[] {
  const found: (string | ConfigFile)[] = [];
  list(directory, 0, { left: limits.entries }, limits, found);
  let bytesLeft = limits.totalBytes;
  return found.slice(0, limits.files + 1).map((entry, index): ConfigFile => {
    if (typeof entry !== "string") return entry;
    if (index === limits.files) return { path: directory, problem: `more than ${limits.files} files` };
    const file = readBounded(entry, limits.fileBytes, bytesLeft);
    bytesLeft -= file.bytes;
    return file.result;
  });
}

/** One file by its name, as `readConfigFiles` would read it. */
export function readConfigFile(path: string): ConfigFile {
  return readBounded(path, FILE_BYTES_MAX, TOTAL_BYTES_MAX).result;
}

function list(
  directory: string,
  depth: number,
  entries: { left: number },
  limits: ConfigLimits,
  found: (string | ConfigFile)[],
): void {
  if (depth > limits.depth) {
    found.push({ path: directory, problem: `directories nested deeper than ${limits.depth}` });
    return;
  }
  const names = attempt(() => readdirSync(directory));
  if ("problem" in names) {
    found.push({ path: directory, problem: names.problem });
    return;
  }
  for (const name of names.value.toSorted()) {
    if (name.startsWith(".")) continue;
    entries.left -= 1;
    if (entries.left < 0) {
      found.push({ path: directory, problem: `more than ${limits.entries} entries` });
      return;
    }
    const path = join(directory, name);
    const kind = attempt(() => kindOf(path));
    if ("problem" in kind) {
      if (NAME.test(name)) found.push({ path, problem: kind.problem });
    } else if (kind.value === "directory") list(path, depth + 1, entries, limits, found);
    else if (NAME.test(name))
      found.push(kind.value === "file" ? path : { path, problem: "not a regular file" });
  }
}

/** Links are followed; a circle of directories ends at the depth limit. */
function kindOf(path: string): "directory" | "file" | "other" {
  const stat = statSync(path);
  if (stat.isDirectory()) return "directory";
  return stat.isFile() ? "file" : "other";
}

function readBounded(
  path: string,
  bytesMax: number,
  bytesLeft: number,
): { result: ConfigFile; bytes: number } {
  const read = attempt(() => readAtMost(path, bytesMax + 1));
  if ("problem" in read) return { result: { path, problem: read.problem }, bytes: 0 };
  const bytes = read.value.length;
  if (bytes > bytesMax) return { result: { path, problem: `larger than ${bytesMax} bytes` }, bytes };
  if (bytes > bytesLeft) return { result: { path, problem: "the files together are too large" }, bytes };
  try {
    return { result: { path, text: new TextDecoder("utf-8", { fatal: true }).decode(read.value) }, bytes };
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    return { result: { path, problem: "not UTF-8" }, bytes };
  }
}

/** A file that is being written while it is read would come out cut short: half a policy must not pass for a whole one. */
function readAtMost(path: string, bytesMax: number): Uint8Array {
  // Without O_NONBLOCK a pipe that nobody writes to would hold us up here for ever.
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const before = fstatSync(descriptor);
    if (!before.isFile()) throw new NotRegular();
    const buffer = Buffer.alloc(Math.min(bytesMax, before.size));
    let length = 0;
    while (length < buffer.length) {
      const count = readSync(descriptor, buffer, length, buffer.length - length, null);
      if (count === 0) break;
      length += count;
    }
    const after = fstatSync(descriptor);
    if (length !== buffer.length || after.size !== before.size || after.mtimeMs !== before.mtimeMs) {
      throw new ChangedWhileRead();
    }
    return buffer;
  } finally {
    closeSync(descriptor);
  }
}

class ChangedWhileRead extends Error {}
class NotRegular extends Error {}

/** What the operating system refuses is an answer; anything else is a fault of ours. */
function attempt<T>(action: () => T): { readonly value: T } | { readonly problem: string } {
  try {
    return { value: action() };
  } catch (cause) {
    if (cause instanceof NotRegular) return { problem: "not a regular file" };
    if (cause instanceof ChangedWhileRead) return { problem: "it changed while it was read" };
    if (cause instanceof Error && "code" in cause && "syscall" in cause) return { problem: cause.message };
    throw cause;
  }
}
