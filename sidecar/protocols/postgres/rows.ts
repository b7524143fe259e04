/** Replaces values in DataRows. Rows are walked by their lengths; no value is looked at, and untouched rows are not copied. */
import { MalformedMessage } from "#core/wire/postgres/fields.ts";
import { HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import type { OutputColumn } from "#core/wire/postgres/messages.ts";
import type { ColumnActions } from "./masking.ts";
import { type Outbox, STAGE_BYTES } from "./outbox.ts";

/** Row frames from this size on are masked while they stream. */
export const LONG_ROW_BYTES = 256 * 1024;

/** What stands in the place of each value, length included; undefined: the value passes. Ends with the last mask. */
export interface RowMask {
  readonly replacements: readonly (Buffer | undefined)[];
  readonly columnCount: number;
  /** By how much a row can grow at most. */
  readonly growthBytesMax: number;
}

/** Undefined when nothing is masked. */
export function rowMask(columns: readonly OutputColumn[], actions: ColumnActions): RowMask | undefined {
  const replacements: (Buffer | undefined)[] = [];
  columns.forEach((column, index) => {
    const action = actions[index];
    if (action !== undefined) replacements[index] = action === "nullify" ? NULL_VALUE : redacted(column);
  });
  if (replacements.length === 0) return undefined;
  const growthBytesMax = replacements.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0);
  // No holes: an array with holes is slow to walk.
  return { replacements: Array.from(replacements), columnCount: columns.length, growthBytesMax };
}

const REDACTED = "***";
const TYPE = { char: 18, name: 19, text: 25, json: 114, bpchar: 1042, varchar: 1043 } as const;
/** A length in a type modifier counts four bytes of header that values do not have. */
const TYPE_MODIFIER_HEADER = 4;

/**
 * Valid in text and in binary form alike: the types that are their own text take a fixed text, every other type NULL.
 * (A domain over one of them is reported as the type below it.)
 */
function redacted({ typeOid, typeModifier }: OutputColumn): Buffer {
  switch (typeOid) {
    case TYPE.text:
    case TYPE.name:
      return value(REDACTED);
    case TYPE.json:
      return value(`"${REDACTED}"`);
    case TYPE.char:
      return value("*");
    case TYPE.varchar:
    case TYPE.bpchar:
      return value(typeModifier < 0 ? REDACTED : REDACTED.slice(0, typeModifier - TYPE_MODIFIER_HEADER));
    default:
      return NULL_VALUE;
  }
}

function value(text: string): Buffer {
  const out = Buffer.alloc(4 + text.length);
  out.writeInt32BE(text.length);
  out.write(text, 4, "latin1");
  return out;
}

const NULL_VALUE: Buffer = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/** Writes one whole row with its masks; answers how many values were replaced. A NULL stays NULL. */
export function maskRow(bytes: Buffer, start: number, end: number, mask: RowMask, out: Outbox): number {
  const { replacements, columnCount, growthBytesMax } = mask;
  if (end < start + HEADER_BYTES + 2 || bytes.readInt16BE(start + HEADER_BYTES) !== columnCount)
    throw new MalformedMessage("a row has not the columns that were described");
  if (end - start + growthBytesMax <= STAGED_ROW_BYTES_MAX) return stageRow(bytes, start, end, mask, out);
  const growth = growthOf(bytes, start, end, replacements);
  if (growth === undefined) {
    out.pass(bytes, start, end);
    return 0;
  }
  out.put(rowHeader(end - start - 1 + growth));
  let masked = 0;
  let from = start + HEADER_BYTES;
  let at = from + 2;
  for (const replacement of replacements) {
    const length = bytes.readInt32BE(at);
    const next = at + 4 + Math.max(length, 0);
    if (replacement !== undefined && length >= 0) {
      out.pass(bytes, from, at);
      out.put(replacement);
      from = next;
      masked += 1;
    }
    at = next;
  }
  out.pass(bytes, from, end);
  return masked;
}

/** Rows up to this size are written anew, in one walk: that is cheaper than handing on many small slices. */
const STAGED_ROW_BYTES_MAX = STAGE_BYTES / 4;

function stageRow(bytes: Buffer, start: number, end: number, mask: RowMask, out: Outbox): number {
  const { replacements } = mask;
  const stage = out.stage(end - start + mask.growthBytesMax);
  const header = out.stagedEnd;
  let to = header + HEADER_BYTES;
  let from = start + HEADER_BYTES;
  let at = from + 2;
  let masked = 0;
  for (let column = 0; column < replacements.length; column += 1) {
    if (at + 4 > end) throw new MalformedMessage("a row ends early");
    const length = bytes.readInt32BE(at);
    const next = length > 0 ? at + 4 + length : at + 4;
    if (length < -1 || next > end) throw new MalformedMessage("a value is longer than its row");
    const replacement = replacements[column];
    if (replacement !== undefined && length >= 0) {
      to = copy(bytes, from, at, stage, to);
      to = copy(replacement, 0, replacement.length, stage, to);
      from = next;
      masked += 1;
    }
    at = next;
  }
  to = copy(bytes, from, end, stage, to);
  stage[header] = DATA_ROW;
  stage.writeInt32BE(to - header - 1, header + 1);
  out.staged(to);
  return masked;
}

const DATA_ROW = 0x44;
/** Below this a loop is faster than a call. */
const LOOPED_BYTES_MAX = 40;

function copy(source: Buffer, from: number, end: number, target: Buffer, to: number): number {
  const length = end - from;
  if (length > LOOPED_BYTES_MAX) source.copy(target, to, from, end);
  else for (let index = 0; index < length; index += 1) target[to + index] = source[from + index] as number;
  return to + length;
}

/** By how much the row grows; undefined when every masked value is NULL already. Checks every length on the way. */
function growthOf(
  bytes: Buffer,
  start: number,
  end: number,
  replacements: RowMask["replacements"],
): number | undefined {
  let at = start + HEADER_BYTES + 2;
  let growth: number | undefined;
  for (const replacement of replacements) {
    if (at + 4 > end) throw new MalformedMessage("a row ends early");
    const length = bytes.readInt32BE(at);
    if (length < -1 || at + 4 + length > end) throw new MalformedMessage("a value is longer than its row");
    const bodyBytes = Math.max(length, 0);
    if (replacement !== undefined && length >= 0) growth = (growth ?? 0) + replacement.length - 4 - bodyBytes;
    at += 4 + bodyBytes;
  }
  return growth;
}

export function rowHeader(lengthBytes: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header[0] = DATA_ROW;
  header.writeInt32BE(lengthBytes, 1);
  return header;
}
