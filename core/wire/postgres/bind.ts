/** The names at the head of a Bind. Its values may be large and are not looked at. */
import { HEADER_BYTES } from "./frames.ts";
import { objectName } from "./object-name.ts";

export interface BindNames {
  readonly portal: string;
  readonly statement: string;
}

/** Longer than any name that PostgreSQL keeps, so a head of this size without its names is not a Bind. */
export const BIND_HEAD_BYTES_MAX = 8 * 1024;

/** Undefined when the names have not arrived; `start` is where the frame begins. */
export function readBindNames(bytes: Buffer, start: number, end: number): BindNames | undefined {
  const portalStart = start + HEADER_BYTES;
  const portalEnd = bytes.indexOf(0, portalStart);
  if (portalEnd < 0 || portalEnd >= end) return undefined;
  const statementEnd = bytes.indexOf(0, portalEnd + 1);
  if (statementEnd < 0 || statementEnd >= end) return undefined;
  // The unnamed ones are the common case and need no object.
  if (portalEnd === portalStart && statementEnd === portalEnd + 1) return UNNAMED;
  return {
    portal: objectName(bytes, portalStart, portalEnd),
    statement: objectName(bytes, portalEnd + 1, statementEnd),
  };
}

const UNNAMED: BindNames = { portal: "", statement: "" };
