/**
 * What the upstream gets in the place of a refused request: a text that can only be a syntax error. So it is PostgreSQL
 * itself that skips to the next Sync, rolls back, and answers with the right status, in whatever state the session is.
 */
import { serialize } from "pg-protocol";
import { cstring, message } from "#core/wire/postgres/fields.ts";
import { parseMessage } from "#core/wire/postgres/messages.ts";

/** Shows in the server's log, for whoever wonders. Never shown to a client: the error that quotes it is replaced. */
const MARKER = Buffer.from("sallyport: a request stood here that policy refused");
/** What a syntax error is. Whatever else comes back is an error of its own, such as a cancellation. */
export const MARKER_SQLSTATE = "42601";

/** Of statements and portals of ours. */
export const OWN_NAME = "sallyport_own";

export const MARKER_QUERY: Buffer = message("Q", MARKER, Buffer.of(0));
export const SYNC: Buffer = serialize.sync();
export const FLUSH: Buffer = serialize.flush();
export const TERMINATE: Buffer = serialize.end();
export const COPY_FAIL: Buffer = message("f", cstring("refused by policy"));

/** Fails as the Parse of that name does: an existing statement stays, the unnamed one goes. */
export const markerParse = (name: string): Buffer => parseMessage(name, MARKER);
/** For messages that are no Parse: leaves every statement alone. */
export const MARKER_PARSE: Buffer = markerParse(OWN_NAME);

/**
 * Asks for the search path. SHOW needs no snapshot, so a later SET TRANSACTION is not too late; names of our own leave
 * the client's unnamed statement and portal alone.
 */
export const ASK_PATH: Buffer = Buffer.concat([
  parseMessage(OWN_NAME, Buffer.from("SHOW search_path")),
  serialize.bind({ portal: OWN_NAME, statement: OWN_NAME }),
  serialize.execute({ portal: OWN_NAME, rows: 0 }),
  serialize.close({ type: "P", name: OWN_NAME }),
  serialize.close({ type: "S", name: OWN_NAME }),
]);
export const ASK_PATH_SLOTS = ["parse", "bind", "execute", "close", "close"] as const;

export const describePortal = (name: string): Buffer => serialize.describe({ type: "P", name });
