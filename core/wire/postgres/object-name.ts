/** Names of prepared statements and portals, as the server that is given them tells one from another. */
import { MalformedMessage } from "./fields.ts";

/** What PostgreSQL keeps of a name (`NAMEDATALEN`, less its end). Two that differ only behind it are one to the server. */
export const NAME_BYTES_MAX = 63;

/**
 * Outside ASCII a server converts names to its own encoding, where two of ours may become one, and the cut falls
 * elsewhere. No driver makes such names.
 */
export function objectName(bytes: Buffer, start: number, end: number): string {
  if (end === start) return "";
  for (let at = start; at < end; at += 1)
    if ((bytes[at] as number) > 0x7f)
      throw new MalformedMessage("the name of a statement or portal is not in ASCII");
  return bytes.toString("latin1", start, Math.min(end, start + NAME_BYTES_MAX));
}
