/** A session that comes from another broker's log: what its first event here says of where it was. */
import { kindRow } from "./kinds.ts";
import { leafHead, parseLeaf } from "./leaf.ts";

export interface Arrival {
  /** The broker whose log holds what was before. */
  readonly log: string;
  readonly lastSeq: number;
  /** Hex. */
  readonly chainHead: string;
}

/** Undefined for any other event, and for one that does not continue what it says it continues. */
export function arrivalOf({
  seq,
  previous,
  leaf,
}: {
  readonly seq: number;
  readonly previous: Uint8Array;
  readonly leaf: Uint8Array;
}): Arrival | undefined {
  if (seq === 0 || kindRow(leafHead(leaf)?.kind ?? "")?.arrives !== true) return undefined;
  const { log, lastSeq, chainHead } = parseLeaf(leaf) ?? {};
  if (typeof log !== "string" || typeof chainHead !== "string") return undefined;
  const continues = lastSeq === seq - 1 && chainHead === Buffer.from(previous).toString("hex");
  return continues ? { log, lastSeq, chainHead } : undefined;
}
