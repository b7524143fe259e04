/** The messages that the gateway makes in a server's place, and the readers of those that it looks into. */
import { ownBytes } from "../../values/own-bytes.ts";
import { BodyReader, cstring, int16, int32, MalformedMessage, message } from "./fields.ts";
import { HEADER_BYTES } from "./frames.ts";
import { objectName } from "./object-name.ts";

export type TransactionStatus = "I" | "T" | "E";

/** Every field of an ErrorResponse or NoticeResponse by its letter: S, V, C, M, D, H, P, … */
export type NoticeFields = ReadonlyMap<string, string>;

export interface ErrorText {
  readonly severity: "ERROR" | "FATAL" | "PANIC" | "WARNING" | "NOTICE" | "INFO";
  /** SQLSTATE. */
  readonly code: string;
  readonly message: string;
  readonly detail?: string;
  readonly hint?: string;
}

export const authenticationOk = (): Buffer => message("R", int32(0));
export const authenticationCleartextPassword = (): Buffer => message("R", int32(3));
export const readyForQuery = (status: TransactionStatus): Buffer => message("Z", Buffer.from(status));
export const parameterStatus = (name: string, value: string): Buffer =>
  message("S", cstring(name), cstring(value));
export const backendKeyData = (processId: number, key: Uint8Array): Buffer =>
  message("K", int32(processId), key);

/** Says which minor version of protocol 3 we speak and which of the asked-for protocol options we do not know. */
export function negotiateProtocolVersion(minor: number, unknownOptions: readonly string[]): Buffer {
  return message("v", int32((3 << 16) | minor), int32(unknownOptions.length), ...unknownOptions.map(cstring));
}

export function errorResponse(error: ErrorText): Buffer {
  return noticeOrError("E", fieldsOf(error));
}

function fieldsOf(text: ErrorText): Map<string, string> {
  const fields = new Map([
    ["S", text.severity],
    ["V", text.severity],
    ["C", text.code],
    ["M", text.message],
  ]);
  if (text.detail !== undefined) fields.set("D", text.detail);
  if (text.hint !== undefined) fields.set("H", text.hint);
  return fields;
}

/** Writes the fields in their order. A zero inside a text would end it early and let the rest pose as fields. */
export function noticeOrError(type: "E" | "N", fields: NoticeFields): Buffer {
  const parts = [...fields].map(([letter, text]) =>
    Buffer.from(`${letter}${text.replaceAll("\0", " ")}\0`, "utf8"),
  );
  return message(type, ...parts, Buffer.of(0));
}

export function readNoticeOrError(bytes: Buffer, start: number, end: number): Map<string, string> {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const fields = new Map<string, string>();
  for (;;) {
    const letter = reader.byte();
    if (letter === 0) break;
    fields.set(String.fromCharCode(letter), reader.cstring());
  }
  // It goes on record, and into texts for people who are to see none of the server's.
  if (!SQL_STATE.test(fields.get("C") ?? NO_STATE)) throw new MalformedMessage("an error has no SQLSTATE");
  return fields;
}

const SQL_STATE = /^[0-9A-Z]{5}$/;
const NO_STATE = "XX000";

/** The SQLSTATE alone, without reading the rest into strings. */
export function sqlStateOf(bytes: Buffer, start: number, end: number): string {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  for (;;) {
    const letter = reader.byte();
    if (letter === 0) return "";
    const text = reader.cstringBytes();
    if (letter === 0x43) return text.toString("latin1");
  }
}

/** One output column as RowDescription tells it. */
export interface OutputColumn {
  readonly name: string;
  /** 0 when the column is not simply one of a relation's. */
  readonly tableOid: number;
  /** 0 together with a table: the whole row. */
  readonly attributeNumber: number;
  readonly typeOid: number;
  readonly typeModifier: number;
  /** 0 text, 1 binary; in the description of a statement always 0, which then means nothing. */
  readonly format: number;
}

export function readRowDescription(bytes: Buffer, start: number, end: number): OutputColumn[] {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const columns: OutputColumn[] = [];
  let count = reader.int16();
  if (count < 0) throw new MalformedMessage("a description of fewer columns than none");
  for (; count > 0; count -= 1) {
    const name = reader.cstring();
    const tableOid = reader.uint32();
    const attributeNumber = reader.int16();
    const typeOid = reader.uint32();
    reader.int16();
    columns.push({
      name,
      tableOid,
      attributeNumber,
      typeOid,
      typeModifier: reader.int32(),
      format: reader.int16(),
    });
  }
  reader.done();
  return columns;
}

export interface ParseMessage {
  readonly name: string;
  readonly text: Buffer;
  readonly parameterTypes: Buffer;
}
export function readParse(bytes: Buffer, start: number, end: number): ParseMessage {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const name = reader.cstring();
  const text = reader.cstringBytes();
  const parameterTypes = reader.take(reader.int16() * 4);
  reader.done();
  return { name, text, parameterTypes };
}

/** The text of a Query. */
export function readQuery(bytes: Buffer, start: number, end: number): Buffer {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const text = reader.cstringBytes();
  reader.done();
  return text;
}

const nameOf = (bytes: Buffer): string => objectName(bytes, 0, bytes.length);

/** Of Describe and Close: `S` or `P`, and a name. */
export interface NamedTarget {
  readonly kind: "S" | "P";
  readonly name: string;
}
export function readTarget(bytes: Buffer, start: number, end: number): NamedTarget | undefined {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const kind = reader.byte();
  const name = nameOf(reader.cstringBytes());
  reader.done();
  if (kind === 0x53) return { kind: "S", name };
  return kind === 0x50 ? { kind: "P", name } : undefined;
}

export interface ExecuteMessage {
  readonly portal: string;
  readonly rowsMax: number;
}
export function readExecute(bytes: Buffer, start: number, end: number): ExecuteMessage {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const portal = nameOf(reader.cstringBytes());
  const rowsMax = reader.int32();
  reader.done();
  return { portal, rowsMax };
}

export interface Pair {
  readonly name: string;
  readonly value: string;
}
export function readParameterStatus(bytes: Buffer, start: number, end: number): Pair {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  return { name: reader.cstring(), value: reader.cstring() };
}

export interface BackendKey {
  readonly processId: number;
  /** Its own bytes: it is kept for as long as its session lasts. */
  readonly key: Uint8Array;
}
export function readBackendKeyData(bytes: Buffer, start: number, end: number): BackendKey {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  return { processId: reader.int32(), key: ownBytes(reader.rest()) };
}

/** `SELECT 5`, `INSERT 0 1`, … */
export function readCommandTag(bytes: Buffer, start: number, end: number): string {
  return new BodyReader(bytes, start + HEADER_BYTES, end).cstring();
}

export interface AuthenticationRequest {
  readonly kind: number;
  readonly data: Buffer;
}
export const AUTHENTICATION = {
  ok: 0,
  cleartext: 3,
  md5: 5,
  gss: 7,
  gssContinue: 8,
  sspi: 9,
  sasl: 10,
  saslContinue: 11,
  saslFinal: 12,
} as const;
export function readAuthentication(bytes: Buffer, start: number, end: number): AuthenticationRequest {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  return { kind: reader.int32(), data: reader.rest() };
}

/** The mechanisms that AuthenticationSASL offers. */
export function readSaslMechanisms(data: Buffer): string[] {
  const reader = new BodyReader(data, 0, data.length);
  const mechanisms: string[] = [];
  for (let name = reader.cstring(); name !== ""; name = reader.cstring()) mechanisms.push(name);
  return mechanisms;
}

/** What NegotiateProtocolVersion answers: the newest version that the server speaks. Some name the minor part of it alone. */
export function readNegotiatedVersion(bytes: Buffer, start: number, end: number): number {
  const reader = new BodyReader(bytes, start + HEADER_BYTES, end);
  const newest = reader.int32();
  if (reader.int32() !== 0) throw new MalformedMessage("an option is not known that nobody asked for");
  reader.done();
  return newest >>> 16 === 0 ? (3 << 16) | newest : newest;
}

/** Parse without parameter types, over bytes, so that a text in any encoding stays what it is. */
export function parseMessage(name: string, text: Uint8Array): Buffer {
  return message("P", cstring(name), text, Buffer.of(0), int16(0));
}
