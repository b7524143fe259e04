/**
 * Heads of requests and responses (RFC 9112). What two readers could understand differently is no head: that is how one
 * request is smuggled in another.
 */
import { type Field, type Fields, readField, valueOf, valuesOf } from "./fields.ts";
import { type Framing, framingOf, NO_BODY } from "./framing.ts";

export const HEAD_BYTES_MAX = 64 * 1024;
const FIELDS_MAX = 128;

export interface RequestHead {
  readonly method: string;
  /** In origin form: path and query, as they were sent. */
  readonly target: string;
  readonly host: string;
  readonly fields: Fields;
  readonly framing: Framing;
}

export interface ResponseHead {
  readonly status: number;
  readonly reason: string;
  readonly fields: Fields;
  readonly framing: Framing;
}

/** What is wrong, safe to show: it quotes nothing. */
export interface BrokenHead {
  readonly state: "broken";
  readonly fault: string;
}

export type Read<Head> =
  | { readonly state: "more" }
  | BrokenHead
  | { readonly state: "head"; readonly head: Head; readonly usedBytes: number };

/** `bytes`: everything that came since the message before. */
export function readRequest(bytes: Buffer): Read<RequestHead> {
  return readHead(bytes, ([line, ...fields]) => requestOf(line ?? "", fields));
}

/** `method`: of the request that it answers. */
export function readResponse(bytes: Buffer, method: string): Read<ResponseHead> {
  return readHead(bytes, ([line, ...fields]) => responseOf(line ?? "", fields, method));
}

class Broken extends Error {
  override readonly name = "Broken";
}

const END = Buffer.from("\r\n\r\n");

function readHead<Head>(bytes: Buffer, of: (lines: readonly string[]) => Head): Read<Head> {
  const end = bytes.indexOf(END);
  const lengthBytes = end < 0 ? bytes.length : end;
  if (lengthBytes > HEAD_BYTES_MAX) return broken(`a head of more than ${HEAD_BYTES_MAX} bytes`);
  if (end < 0) return hasOddLineEnd(bytes) ? broken(ODD_LINE_END) : { state: "more" };
  // Each byte a character: what is not ASCII stays what it is.
  const lines = bytes.toString("latin1", 0, end).split("\r\n");
  if (lines.some((line) => /[\r\n]/.test(line))) return broken(ODD_LINE_END);
  if (lines.length > FIELDS_MAX + 1) return broken(`a head of more than ${FIELDS_MAX} fields`);
  try {
    return { state: "head", head: of(lines), usedBytes: end + END.length };
  } catch (error) {
    if (error instanceof Broken) return broken(error.message);
    throw error;
  }
}

const ODD_LINE_END = "a line that ends otherwise than by CR LF";

/** Said at once, since a client that ends its lines by LF would wait for an answer for ever. */
function hasOddLineEnd(bytes: Buffer): boolean {
  for (let at = bytes.indexOf(0x0a); at >= 0; at = bytes.indexOf(0x0a, at + 1))
    if (bytes[at - 1] !== 0x0d) return true;
  return false;
}

function broken(fault: string): BrokenHead {
  return { state: "broken", fault };
}

function requestOf(line: string, lines: readonly string[]): RequestHead {
  const [, method, target, version] = /^([A-Z]{1,20}) ([\x21-\x7e]+) (HTTP\/\d\.\d)$/.exec(line) ?? [];
  if (method === undefined || target === undefined) throw new Broken("a request line that is none");
  if (version !== "HTTP/1.1") throw new Broken("another version than HTTP/1.1");
  const fields = fieldsOf(lines);
  const host = hostOf(fields);
  return { method, target: originForm(target, host), host, fields, framing: messageFraming(fields) };
}

/** A client that takes us for a proxy names the host twice, and both have to be the same (RFC 9112, section 3.2.2). */
function originForm(target: string, host: string): string {
  if (target.includes("#")) throw new Broken("a fragment in the request line");
  if (target.startsWith("/")) return target;
  const [, authority, path = ""] = /^https?:\/\/([^/?]+)(.*)$/i.exec(target) ?? [];
  if (authority === undefined) throw new Broken("a request target that is no path");
  if (authority.toLowerCase() !== host.toLowerCase()) throw new Broken("two hosts that differ");
  return path.startsWith("/") ? path : `/${path}`;
}

/** A registered name, an address, or IPv6 in brackets; and a port. */
const HOST = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

function hostOf(fields: Fields): string {
  const [host, ...others] = valuesOf(fields, "host");
  if (host === undefined || others.length > 0) throw new Broken("not exactly one Host");
  if (!HOST.test(host)) throw new Broken("a Host that is none");
  return host;
}

function responseOf(line: string, lines: readonly string[], method: string): ResponseHead {
  const [, code, reason = ""] = /^HTTP\/1\.1 ([1-5]\d\d)(?: ([\t\x20-\x7e\x80-\xff]*))?$/.exec(line) ?? [];
  if (code === undefined) throw new Broken("a status line that is none");
  const status = Number(code);
  const fields = fieldsOf(lines);
  const framing = messageFraming(fields);
  if (method === "HEAD" || status < 200 || status === 204 || status === 304)
    return { status, reason, fields, framing: NO_BODY };
  const isStated = ["content-length", "transfer-encoding"].some(
    (name) => valueOf(fields, name) !== undefined,
  );
  return { status, reason, fields, framing: isStated ? framing : { kind: "untilClose" } };
}

function fieldsOf(lines: readonly string[]): Fields {
  return lines.map((line): Field => {
    // Before anything else: it would be a part of the line before (RFC 9112, section 5.2).
    if (/^[ \t]/.test(line)) throw new Broken("a folded field");
    const field = readField(line);
    if (field === undefined) throw new Broken("a field that is none");
    return field;
  });
}

function messageFraming(fields: Fields): Framing {
  const framing = framingOf(fields);
  if (typeof framing === "string") throw new Broken(framing);
  return framing;
}
