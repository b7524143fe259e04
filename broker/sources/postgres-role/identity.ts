/** How a minted role is named and marked, so that people find out whose it is and the janitor that it is ours. */
import { createHash, randomBytes } from "node:crypto";
import { type ConnectionRef } from "#core/policy/facts.ts";
import { NAME_BYTES_MAX } from "./quote.ts";

export const ROLE_PREFIX = "sp_";
const CONNECTION_CHARS_MAX = 24;

/**
 * `sp_orders_3f9a1c02be_7d51e6a0`: the connection, the subject's digest, and what makes every minting another role, so
 * that one that is still being taken back is not in the way of the next.
 */
export function roleName({ name }: ConnectionRef, subject: string): string {
  const connection = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "_")
    .slice(0, CONNECTION_CHARS_MAX);
  const digest = createHash("sha256").update(subject).digest("hex").slice(0, 10);
  const role = `${ROLE_PREFIX}${connection}_${digest}_${randomBytes(4).toString("hex")}`;
  if (role.length > NAME_BYTES_MAX) throw new RangeError("a role's name is too long");
  return role;
}

export interface RoleMark {
  /** Which broker made it, and so has to take it back. */
  readonly broker: string;
  readonly connection: string;
  readonly subject: string;
}

const SUBJECT_CHARS_MAX = 200;

/** Any user of the server may read a role's comment. */
export function markText({ broker, connection, subject }: RoleMark): string {
  return JSON.stringify({
    madeBy: "sallyport",
    broker,
    connection,
    subject: subject.slice(0, SUBJECT_CHARS_MAX),
  });
}

export function readMark(comment: string | null | undefined): RoleMark | undefined {
  if (comment === null || comment === undefined) return undefined;
  try {
    const mark = JSON.parse(comment) as Partial<RoleMark> & { madeBy?: unknown };
    const { madeBy, broker, connection, subject } = mark;
    if (madeBy !== "sallyport" || typeof broker !== "string") return undefined;
    return { broker, connection: String(connection), subject: String(subject) };
  } catch {
    return undefined;
  }
}
