/** Reads what is written by hand under crds/source. Nothing is interpreted here. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { load } from "js-yaml";

export type Raw = Readonly<Record<string, unknown>>;

/** The places of the kinds that hold one block per protocol. */
export const BLOCK_PLACES = ["connection", "allow", "ask", "refusal", "mask", "request"] as const;
export type BlockPlace = (typeof BLOCK_PLACES)[number];

export interface ProtocolSource {
  readonly protocol: string;
  /** A protocol may have nothing to say in a place: what is opaque has nothing to mask. */
  readonly blocks: Readonly<Partial<Record<BlockPlace, Raw>>>;
}

export interface Sources {
  /** CustomResourceDefinitions, by file name. */
  readonly kinds: ReadonlyMap<string, Raw>;
  readonly local: ReadonlyMap<string, Raw>;
  readonly protocols: readonly ProtocolSource[];
  readonly fragments: ReadonlyMap<string, Raw>;
}

export function readSources(root: string): Sources {
  const fragments = new Map<string, Raw>();
  const add = (file: string, held: Raw): void => {
    for (const [name, fragment] of Object.entries(held)) {
      if (fragments.has(name)) throw new Error(`${file}: fragment ${name} is defined twice`);
      fragments.set(name, asRaw(fragment, `${file}: ${name}`));
    }
  };
  for (const [file, held] of readFolder(join(root, "shared"))) add(file, held);
  const protocols: ProtocolSource[] = [];
  for (const [file, held] of readFolder(join(root, "protocols"))) {
    add(file, asRaw(held["fragments"] ?? {}, `${file}: fragments`));
    protocols.push(protocolOf(file, held));
  }
  return {
    kinds: readFolder(join(root, "kinds")),
    local: readFolder(join(root, "local")),
    protocols,
    fragments,
  };
}

export function asRaw(value: unknown, where: string): Raw {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${where}: expected a mapping`);
  }
  return value as Raw;
}

function protocolOf(file: string, held: Raw): ProtocolSource {
  const { protocol } = held;
  if (typeof protocol !== "string") throw new Error(`${file}: protocol is missing`);
  if (file !== `${protocol}.yaml`)
    throw new Error(`${file}: must be named after its protocol, ${protocol}.yaml`);
  const given = asRaw(held["blocks"], `${file}: blocks`);
  const unknown = Object.keys(given).find((place) => !(BLOCK_PLACES as readonly string[]).includes(place));
  if (unknown !== undefined) throw new Error(`${file}: blocks.${unknown}: no kind has such a place`);
  const blocks = Object.fromEntries(
    BLOCK_PLACES.filter((place) => given[place] !== undefined).map((place) => [
      place,
      asRaw(given[place], `${file}: blocks.${place}`),
    ]),
  );
  if (blocks["connection"] === undefined) throw new Error(`${file}: blocks.connection is missing`);
  return { protocol, blocks };
}

function readFolder(folder: string): Map<string, Raw> {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".yaml"))
    .sort();
  return new Map(names.map((name) => [name, asRaw(load(readFileSync(join(folder, name), "utf8")), name)]));
}
