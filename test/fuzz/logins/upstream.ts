/** A server that knows the password and takes part in the exchange, but for its lies. Keeps what was said, by both. */
import { X509Certificate, createHash } from "node:crypto";
import type { Socket } from "node:net";
import { type SecureContext, TLSSocket } from "node:tls";
import { cstring, int16, int32, message } from "#core/wire/postgres/fields.ts";
import {
  AUTHENTICATION,
  authenticationCleartextPassword,
  authenticationOk,
  backendKeyData,
  errorResponse,
  noticeOrError,
  parameterStatus,
  readyForQuery,
} from "#core/wire/postgres/messages.ts";
import type { Random } from "../random.ts";
import { Messages, typeOf } from "../wire.ts";
import { type LoginsCase, PLACES } from "./case.ts";
import { edited } from "./edited.ts";
import { lieOf } from "./lies.ts";
import { ITERATIONS, LEASED_USER, PASSWORD, SALT } from "./secrets.ts";
import { nonceIn, verified } from "./scram.ts";
import type { Stillness } from "./stillness.ts";

export interface UpstreamParts {
  readonly case: LoginsCase;
  readonly random: Random;
  readonly stillness: Stillness;
  readonly tls: SecureContext;
  readonly certPem: string;
}

/** Of what never ends, this much is more than anybody may take. */
export const FLOOD_BYTES_MAX: number = 48 * 1024 * 1024;
const FLOOD_PIECE_BYTES = 64 * 1024;
const SSL_BYTES = 8;
const CANCEL = 80_877_102;
export const CUT_BYTES_MAX = 4_000;

type Phase = "opening" | "startup" | "answer" | "first" | "final" | "session";

export class PlayedUpstream {
  readonly #parts: UpstreamParts;
  readonly #raw: Socket;
  readonly #messages = new Messages();
  #socket: Socket;
  #phase: Phase;
  #rest: Buffer = Buffer.alloc(0);
  /** Those of signing in have their numbers; what follows is counted. */
  #count: number = PLACES.letIn;
  #isSilent = false;
  /** The client is in a session, where it is its own affair how much it takes. */
  #isIn = false;
  #clientFirst = "";
  #header = "";
  #serverFirst = "";
  isOpen = true;
  isOverTls = false;
  flooded = 0;
  /** As they left, lies and all, one after the other. */
  readonly said: Buffer[] = [];
  startup: Buffer | undefined;
  /** Whom it is asked to cancel. */
  cancel: Buffer | undefined;
  readonly received: Buffer[] = [];

  constructor(raw: Socket, parts: UpstreamParts) {
    this.#parts = parts;
    this.#raw = raw;
    this.#socket = raw;
    this.#phase = parts.case.connection.tls ? "opening" : "startup";
    this.#listen(raw);
  }

  leave(abruptly: boolean): void {
    if (abruptly && this.isOpen && !this.isOverTls) this.#raw.resetAndDestroy();
    this.#socket.destroy();
    this.#raw.destroy();
  }

  #listen(socket: Socket): void {
    socket.on("error", () => undefined);
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      this.isOpen = false;
      this.#parts.stillness.moved();
    });
    socket.on("data", (chunk: Buffer) => {
      this.#parts.stillness.moved();
      this.#hear(chunk);
    });
  }

  #hear(chunk: Buffer): void {
    if (this.#phase === "opening" || this.#phase === "startup") {
      this.#rest = Buffer.concat([this.#rest, chunk]);
      return this.#open();
    }
    for (const each of this.#messages.add(chunk)) {
      this.received.push(Buffer.from(each));
      this.#answer(typeOf(each), each.subarray(5));
    }
  }

  #open(): void {
    const bytes = this.#rest;
    if (bytes.length < SSL_BYTES || bytes.length < bytes.readInt32BE(0)) return;
    this.#rest = Buffer.alloc(0);
    if (this.#phase === "opening") {
      this.#phase = "startup";
      return this.#secure();
    }
    if (bytes.readInt32BE(4) === CANCEL) {
      this.cancel = bytes.subarray(8);
      return void this.#socket.end();
    }
    this.startup = bytes;
    this.#greet();
  }

  #secure(): void {
    this.#raw.removeAllListeners("data");
    this.#raw.removeAllListeners("end");
    this.#say(Buffer.from("S"), PLACES.encryption);
    const socket = new TLSSocket(this.#raw, {
      isServer: true,
      secureContext: this.#parts.tls,
      ALPNProtocols: ["postgresql"],
    });
    this.isOverTls = true;
    this.#socket = socket;
    this.#listen(socket);
  }

  #greet(): void {
    const { asks, binds, isNewest } = this.#parts.case.upstream;
    if (!isNewest) this.#say(message("v", int32(3 << 16), int32(0)), PLACES.version);
    if (asks === "trust") return this.#letIn();
    this.#phase = asks === "scram" ? "first" : "answer";
    if (asks === "cleartext") return this.#say(authenticationCleartextPassword(), PLACES.ask);
    if (asks === "md5")
      return this.#say(message("R", int32(AUTHENTICATION.md5), Buffer.from("salt")), PLACES.ask);
    const plus = binds && this.isOverTls ? [cstring("SCRAM-SHA-256-PLUS")] : [];
    const offered = [...plus, cstring("SCRAM-SHA-256"), Buffer.of(0)];
    this.#say(message("R", int32(AUTHENTICATION.sasl), ...offered), PLACES.ask);
  }

  #answer(type: string, body: Buffer): void {
    if (type === "X") return void this.#socket.end();
    if (this.#phase === "session") return this.#serve(type, body);
    if (type !== "p") return this.#turnAway();
    const text = body.toString("latin1");
    if (this.#phase === "first") return this.#challenge(text);
    if (this.#phase === "final") return this.#verify(text);
    const expected = this.#parts.case.upstream.asks === "md5" ? md5Answer() : PASSWORD;
    if (text === `${expected}\0`) this.#letIn();
    else this.#turnAway();
  }

  #challenge(text: string): void {
    const [, header = "", first = ""] = /((?:n|y|p=tls-server-end-point),,)(n=.*)$/s.exec(text) ?? [];
    this.#header = header;
    this.#clientFirst = first;
    this.#serverFirst = `r=${nonceIn(first)}servers-own,s=${SALT.toString("base64")},i=${ITERATIONS}`;
    this.#phase = "final";
    const challenge = message("R", int32(AUTHENTICATION.saslContinue), Buffer.from(this.#serverFirst));
    this.#say(challenge, PLACES.challenge);
  }

  #verify(clientFinal: string): void {
    const [clientFirst, serverFirst] = [this.#clientFirst, this.#serverFirst];
    const found = verified({ clientFirst, serverFirst, clientFinal });
    const binding = /^c=([^,]*)/.exec(clientFinal)?.[1];
    if (found?.isProof !== true || binding !== this.#binding()) return this.#turnAway();
    const proof = message("R", int32(AUTHENTICATION.saslFinal), Buffer.from(`v=${found.signature}`));
    this.#say(proof, PLACES.proof);
    this.#letIn();
  }

  #binding(): string {
    const isBound = this.#header.startsWith("p=");
    const hash = isBound
      ? createHash("sha256").update(new X509Certificate(this.#parts.certPem).raw)
      : undefined;
    return Buffer.concat([Buffer.from(this.#header), hash?.digest() ?? Buffer.alloc(0)]).toString("base64");
  }

  #letIn(): void {
    const { notices, noticeBytes, parameters } = this.#parts.case.upstream;
    const notice = noticeOf(noticeBytes);
    this.#phase = "session";
    this.#say(authenticationOk());
    for (let count = 0; count < notices; count += 1) this.#say(notice);
    const extra = Array.from({ length: parameters }, (_, index) => [`setting.${index}`, "on"] as const);
    for (const [name, value] of [...SETTINGS, ...extra]) this.#say(parameterStatus(name, value));
    this.#say(backendKeyData(7, Buffer.from("keys")));
    this.#say(readyForQuery("I"));
  }

  #serve(type: string, body: Buffer): void {
    if (type !== "Q") return;
    this.#isIn = !body.includes("SHOW");
    const values = body.includes("SHOW") ? ['"$user", public', LEASED_USER] : ["1"];
    for (const value of values) {
      this.#say(DESCRIPTION);
      this.#say(message("D", int16(1), int32(value.length), Buffer.from(value)));
      this.#say(message("C", cstring("SELECT 1")));
    }
    this.#say(readyForQuery("I"));
  }

  #turnAway(): void {
    this.#say(errorResponse({ severity: "FATAL", code: "28P01", message: `no ${LEASED_USER} here` }));
    this.#socket.end();
  }

  #say(honest: Buffer, place?: number): void {
    if (this.#isSilent || this.#socket.destroyed) return;
    this.#write(this.#takeLie(place ?? this.#count++, honest));
  }

  /** What is said in the place of a message. */
  #takeLie(at: number, honest: Buffer): Buffer {
    let now = honest;
    for (const { how, what, at: where } of this.#parts.case.upstream.lies) {
      if (where !== at) continue;
      const made = lieOf(what, nonceIn(this.#clientFirst));
      switch (how) {
        case "lost":
          now = Buffer.alloc(0);
          break;
        case "twice":
          now = Buffer.concat([now, now]);
          break;
        case "edited":
          now = edited(this.#parts.random, now, 2);
          break;
        case "before":
          now = Buffer.concat([made, now]);
          break;
        case "instead":
          now = made;
          break;
        case "behind":
          now = Buffer.concat([now, made]);
          break;
        case "cut":
          now = now.subarray(0, this.#parts.random.below(now.length + 1));
          this.#isSilent = true;
          break;
        case "silence":
          now = Buffer.alloc(0);
          this.#isSilent = true;
          break;
        case "flood":
          this.#isSilent = true;
          now = made;
          if (!this.#isIn) this.#flood(made);
          break;
      }
    }
    return now;
  }

  #write(bytes: Buffer): void {
    this.said.push(bytes);
    const pieces = bytes.length > CUT_BYTES_MAX ? [bytes] : this.#parts.random.cut(bytes);
    for (const piece of pieces) this.#socket.write(piece);
  }

  /** As fast as it is taken, and without an end. */
  #flood(made: Buffer): void {
    const socket = this.#socket;
    const piece = Buffer.concat(
      Array.from({ length: Math.ceil(FLOOD_PIECE_BYTES / made.length) }, () => made),
    );
    const more = (): void => {
      while (!socket.destroyed && this.flooded < FLOOD_BYTES_MAX) {
        this.flooded += piece.length;
        this.#parts.stillness.moved();
        if (!socket.write(piece)) return void socket.once("drain", more);
      }
    };
    more();
  }
}

const SETTINGS = [
  ["server_version", "18.4"],
  ["client_encoding", "UTF8"],
  ["standard_conforming_strings", "on"],
  ["session_authorization", LEASED_USER],
] as const;
const DESCRIPTION = message(
  "T",
  int16(1),
  cstring("found"),
  int32(0),
  int16(0),
  int32(25),
  int16(-1),
  int32(-1),
  int16(0),
);
const noticeOf = (bytes: number): Buffer =>
  noticeOrError(
    "N",
    new Map([
      ["S", "NOTICE"],
      ["C", "00000"],
      ["M", LEASED_USER.padEnd(bytes)],
    ]),
  );

const md5 = (...parts: readonly string[]): string => createHash("md5").update(parts.join("")).digest("hex");
/** To the salt `salt`. */
export const md5Answer = (): string => `md5${md5(md5(PASSWORD, LEASED_USER), "salt")}`;
