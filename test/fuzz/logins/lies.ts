/** What an upstream says that lies while it is signed in to: whole messages, most of them well made. */
import { cstring, int32, message } from "#core/wire/postgres/fields.ts";
import {
  AUTHENTICATION,
  authenticationCleartextPassword,
  authenticationOk,
  backendKeyData,
  noticeOrError,
  parameterStatus,
  readyForQuery,
} from "#core/wire/postgres/messages.ts";
import { LEASED_USER, SALT } from "./secrets.ts";

const request = (kind: number, ...body: readonly Buffer[]): Buffer => message("R", int32(kind), ...body);
const sasl = (...mechanisms: readonly string[]): Buffer =>
  request(AUTHENTICATION.sasl, ...mechanisms.map(cstring), Buffer.of(0));
const challenge = (text: string): Buffer => request(AUTHENTICATION.saslContinue, Buffer.from(text));
const final = (text: string): Buffer => request(AUTHENTICATION.saslFinal, Buffer.from(text));
const negotiated = (version: number): Buffer => message("v", int32(version), int32(0));
const SALT_64 = SALT.toString("base64");

/** What a server's own words may hold. None of it is the client's to know. */
export const WORDS = `no password of ${LEASED_USER} in pg_hba.conf`;
const told = (type: "E" | "N", fields: Readonly<Record<string, string>>): Buffer =>
  noticeOrError(type, new Map(Object.entries(fields)));
const FATAL = { S: "FATAL", V: "FATAL", C: "28P01", M: WORDS };

/** By the nonce of the exchange under way. */
const LIES = {
  ok: () => authenticationOk(),
  "asks in the clear": () => authenticationCleartextPassword(),
  "asks for MD5": () => request(AUTHENTICATION.md5, Buffer.from("salt")),
  "asks for MD5 of more": () => request(AUTHENTICATION.md5, Buffer.from("saltsalt")),
  "asks for Kerberos": () => request(AUTHENTICATION.gss),
  "asks for what nobody knows": () => request(99),
  "offers nothing": () => sasl(),
  "offers PLAIN": () => sasl("PLAIN"),
  "offers binding alone": () => sasl("SCRAM-SHA-256-PLUS"),
  "offers without an end": () => request(AUTHENTICATION.sasl, Buffer.from("SCRAM-SHA-256")),
  "another nonce": () => challenge(`r=abcdefghijklmnopqrstuvwx,s=${SALT_64},i=4096`),
  "nothing of its own": (nonce: string) => challenge(`r=${nonce},s=${SALT_64},i=4096`),
  "cheap to guess at": (nonce: string) => challenge(`r=${nonce}a,s=${SALT_64},i=4095`),
  "no work at all": (nonce: string) => challenge(`r=${nonce}a,s=${SALT_64},i=0`),
  "endless work": (nonce: string) => challenge(`r=${nonce}a,s=${SALT_64},i=999999999`),
  "no salt": (nonce: string) => challenge(`r=${nonce}a,s=,i=4096`),
  "an extension": (nonce: string) => challenge(`m=x,r=${nonce}a,s=${SALT_64},i=4096`),
  "a long nonce": (nonce: string) => challenge(`r=${nonce}${"a".repeat(60_000)},s=${SALT_64},i=4096`),
  "a wrong signature": () => final(`v=${Buffer.alloc(32).toString("base64")}`),
  "no signature": () => final("v="),
  "an error for a signature": () => final("e=other-error"),
  "its own words": () => told("E", FATAL),
  "its own words, as a state": () => told("E", { ...FATAL, C: LEASED_USER }),
  "an error without a state": () => told("E", { S: "FATAL", M: WORDS }),
  "an error of nothing": () => message("E", Buffer.of(0)),
  "an error without an end": () => message("E", Buffer.from("SFATAL")),
  "a notice": () => told("N", { S: "NOTICE", C: "00000", M: WORDS }),
  "a long notice": () => told("N", { S: "NOTICE", C: "00000", M: WORDS.repeat(500) }),
  "a setting": () => parameterStatus("session_authorization", LEASED_USER),
  "another encoding": () => parameterStatus("client_encoding", "SJIS"),
  "other strings": () => parameterStatus("standard_conforming_strings", "off"),
  "half a setting": () => message("S", cstring("in_hot_standby")),
  "a key": () => backendKeyData(1, Buffer.from("keys")),
  "a long key": () => backendKeyData(1, Buffer.alloc(257)),
  "no key": () => message("K", Buffer.alloc(2)),
  "more than was asked for": () => negotiated((3 << 16) | 7),
  "another protocol": () => negotiated(4 << 16),
  "less than was asked for": () => negotiated(3 << 16),
  "half a version": () => message("v", Buffer.alloc(2)),
  ready: () => readyForQuery("I"),
  "ready for nothing known": () => message("Z", Buffer.from("?")),
  "a row": () => message("D", Buffer.from([0, 1, 0, 0, 0, 1, 0x31])),
  "an end": () => message("C", cstring("SELECT 1")),
  "a wish for data": () => message("G", Buffer.alloc(3)),
  "a huge message": () => Buffer.from([0x52, 0x3f, 0xff, 0xff, 0xff]),
  "a long message": () => Buffer.concat([Buffer.from([0x52, 0, 2, 0, 0]), Buffer.alloc(100_000)]),
  "a length below nothing": () => Buffer.from([0x53, 0xff, 0xff, 0xff, 0xff]),
  "no type": () => Buffer.from([0, 0, 0, 0, 4]),
  "another world": () => Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
} as const satisfies Record<string, (nonce: string) => Buffer>;

export type LieName = keyof typeof LIES;
export const LIE_NAMES: readonly LieName[] = Object.keys(LIES) as LieName[];
export const lieOf = (name: LieName, nonce: string): Buffer => LIES[name](nonce);
