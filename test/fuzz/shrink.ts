/** Delta debugging over plain data: leaves out, then makes simpler, for as long as the fault shows. */
type Path = readonly (string | number)[];

/** A case stays of its shape: elements of arrays go, numbers get smaller, flags are taken down; nothing else. */
export async function shrink<Case>(
  start: Case,
  isBad: (candidate: Case) => Promise<boolean>,
  endMs: number,
): Promise<Case> {
  let best = start;
  const tries = async (candidate: unknown): Promise<boolean> => {
    if (Date.now() >= endMs) return false;
    // A candidate that cannot be played at all is no case.
    const bad = await isBad(candidate as Case);
    if (bad) best = candidate as Case;
    return bad;
  };
  for (let progress = true; progress && Date.now() < endMs; ) {
    progress = false;
    for (const path of arraysOf(best)) if (await thin(() => best, path, tries)) progress = true;
    for (const path of leavesOf(best)) if (await simplify(best, path, tries)) progress = true;
  }
  return best;
}

/** Leaves out halves, quarters, … single elements of one array. */
async function thin(
  current: () => unknown,
  path: Path,
  tries: (candidate: unknown) => Promise<boolean>,
): Promise<boolean> {
  let progress = false;
  const lengthOf = (): number => {
    const array = at(current(), path);
    return Array.isArray(array) ? array.length : 0;
  };
  for (let size = Math.ceil(lengthOf() / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let from = 0; from < lengthOf(); ) {
      const array = at(current(), path) as unknown[];
      if (await tries(withValue(current(), path, array.toSpliced(from, size)))) progress = true;
      else from += size;
    }
  return progress;
}

async function simplify(
  current: unknown,
  path: Path,
  tries: (candidate: unknown) => Promise<boolean>,
): Promise<boolean> {
  const value = at(current, path);
  if (value === true) return await tries(withValue(current, path, false));
  if (typeof value === "number" && value > 0)
    for (const smaller of new Set([0, 1, value >> 1]))
      if (smaller < value && (await tries(withValue(current, path, smaller)))) return true;
  return false;
}

function* arraysOf(value: unknown, path: Path = []): Generator<Path> {
  if (Array.isArray(value)) yield path;
  for (const [key, child] of entriesOf(value)) yield* arraysOf(child, [...path, key]);
}

function* leavesOf(value: unknown, path: Path = []): Generator<Path> {
  if (typeof value !== "object" || value === null) yield path;
  for (const [key, child] of entriesOf(value)) yield* leavesOf(child, [...path, key]);
}

function entriesOf(value: unknown): (readonly [string | number, unknown])[] {
  if (Array.isArray(value)) return value.map((child, index) => [index, child] as const);
  return typeof value === "object" && value !== null ? Object.entries(value) : [];
}

function at(value: unknown, path: Path): unknown {
  let found = value;
  for (const key of path) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Record<string | number, unknown>)[key];
  }
  return found;
}

function withValue(value: unknown, [key, ...rest]: Path, put: unknown): unknown {
  if (key === undefined) return put;
  if (Array.isArray(value))
    return value.map((child: unknown, index) => (index === key ? withValue(child, rest, put) : child));
  const fields = value as Record<string, unknown>;
  return { ...fields, [key]: withValue(fields[key], rest, put) };
}
