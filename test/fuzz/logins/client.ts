/** A client that says what its case tells it to, each thing when the one before has had its effect, and keeps what it hears. */
import type { Socket } from "node:net";
import { type SecureContext, type TLSSocket, connect as connectTls } from "node:tls";
import { serialize } from "pg-protocol";
import { cstring, int32 } from "#core/wire/postgres/fields.ts";
import { cancelRequest, gssencRequest, sslRequest } from "#core/wire/postgres/startup.ts";
import { Q } from "#test/postgres/support/wire.ts";
import type { Random } from "../random.ts";
import type { ClientSay, LoginsCase } from "./case.ts";
import { edited } from "./edited.ts";
import { OTHER_TOKEN, TOKEN } from "./secrets.ts";
import type { Stillness } from "./stillness.ts";
import { CUT_BYTES_MAX } from "./upstream.ts";

export interface ClientParts {
  readonly case: LoginsCase;
  readonly random: Random;
  readonly stillness: Stillness;
  /** Whom it trusts. */
  readonly trust: SecureContext;
}

const S = 0x53;

export class PlayedClient {
  readonly #parts: ClientParts;
  readonly #raw: Socket;
  readonly #left: ClientSay[];
  #tls: TLSSocket | undefined;
  #mustSecure = false;
  readonly #heardInClear: Buffer[] = [];
  readonly #heardInTls: Buffer[] = [];
  readonly #saidInClear: Buffer[] = [];
  readonly #saidInTls: Buffer[] = [];
  isOpen = true;
  isSecured = false;
  /** It began with TLS and did not say what it would speak in it. */
  isNameless = false;
  /** The other side has hung up, or begun to, while this one was still there. */
  wasLeft = false;
  #hasLeft = false;

  constructor(raw: Socket, parts: ClientParts) {
    this.#parts = parts;
    this.#raw = raw;
    this.#left = [...parts.case.client];
    this.#listen(raw, this.#heardInClear);
  }

  get hasBegunTls(): boolean {
    return this.#tls !== undefined;
  }

  get heard(): { readonly inClear: Buffer; readonly inTls: Buffer } {
    return { inClear: Buffer.concat(this.#heardInClear), inTls: Buffer.concat(this.#heardInTls) };
  }

  get said(): { readonly inClear: Buffer; readonly inTls: Buffer } {
    return { inClear: Buffer.concat(this.#saidInClear), inTls: Buffer.concat(this.#saidInTls) };
  }

  /** False: there is nothing left to say, or nobody to say it to. */
  saysNext(): boolean {
    if (!this.isOpen || this.wasLeft) return false;
    if (this.#mustSecure && this.#heardInClear.at(-1)?.at(-1) === S && this.#tls === undefined) {
      this.#secure(["postgresql"]);
      return true;
    }
    const [first] = this.#left;
    if (first === undefined) return false;
    const said: ClientSay[] = [];
    do said.push(this.#left.shift() ?? first);
    while (this.#left[0]?.eager === true);
    this.#say(said);
    return true;
  }

  leave(abruptly: boolean): void {
    this.#hasLeft = true;
    if (!this.isOpen) return;
    if (!abruptly) (this.#tls ?? this.#raw).end();
    else if (this.#tls === undefined) this.#raw.resetAndDestroy();
    else this.#tls.destroy();
  }

  /** Also where the other side never ends. */
  vanish(): void {
    this.#hasLeft = true;
    this.#tls?.destroy();
    this.#raw.destroy();
  }

  #say(says: readonly ClientSay[]): void {
    const { random } = this.#parts;
    const parts: Buffer[] = [];
    for (const each of says) {
      if (each.say === "direct" || each.say === "nameless") {
        this.isNameless ||= this.#tls === undefined && each.say === "nameless";
        if (this.#tls === undefined) this.#secure(each.say === "direct" ? ["postgresql"] : undefined);
        continue;
      }
      if (each.say === "ssl") this.#mustSecure = true;
      parts.push(edited(random, bytesOf(each, random), each.edits));
    }
    const bytes = Buffer.concat(parts);
    if (bytes.length === 0) return;
    const socket = this.#tls ?? this.#raw;
    (this.#tls === undefined ? this.#saidInClear : this.#saidInTls).push(bytes);
    const pieces = bytes.length > CUT_BYTES_MAX ? [bytes] : random.cut(bytes);
    for (const piece of pieces) socket.write(piece);
    this.#parts.stillness.moved();
  }

  #secure(protocols: string[] | undefined): void {
    const { stillness, trust } = this.#parts;
    this.#raw.removeAllListeners("data");
    const socket = connectTls({
      socket: this.#raw,
      secureContext: trust,
      servername: "localhost",
      ...(protocols === undefined ? {} : { ALPNProtocols: protocols }),
    });
    this.#tls = socket;
    socket.on("secureConnect", () => {
      this.isSecured = true;
      stillness.moved();
    });
    this.#listen(socket, this.#heardInTls);
    stillness.moved();
  }

  #listen(socket: Socket, heard: Buffer[]): void {
    const gone = (isClosed: boolean) => (): void => {
      if (!this.#hasLeft) this.wasLeft = true;
      if (isClosed) this.isOpen = false;
      this.#parts.stillness.moved();
    };
    socket.on("error", () => undefined);
    socket.on("end", gone(false));
    socket.on("close", gone(true));
    socket.on("data", (chunk: Buffer) => {
      heard.push(chunk);
      this.#parts.stillness.moved();
    });
  }
}

function bytesOf(each: ClientSay, random: Random): Buffer {
  switch (each.say) {
    case "ssl":
      return sslRequest();
    case "gss":
      return gssencRequest();
    case "startup":
      return startup(each.version, each.pairs);
    case "password":
      return serialize.password({ token: TOKEN, other: OTHER_TOKEN, nobody: "" }[each.of]);
    case "sasl":
      return serialize.sendSASLInitialResponseMessage("SCRAM-SHA-256", "n,,n=,r=abcdefghijklmnopqrstuvwx");
    case "cancel":
      return cancelRequest(7, Buffer.alloc(each.keyBytes, 0x6b));
    case "noise":
      return random.bytes(each.bytes);
    case "query":
      return Q("select 1");
    case "terminate":
      return serialize.end();
    default:
      return Buffer.alloc(0);
  }
}

/** Also with parameters that stand there twice, and without names. */
function startup(version: number, pairs: Extract<ClientSay, { say: "startup" }>["pairs"]): Buffer {
  const texts = pairs.flatMap(({ name, value }) => [cstring(name), cstring(value)]);
  const body = Buffer.concat([int32(version), ...texts, Buffer.of(0)]);
  return Buffer.concat([int32(body.length + 4), body]);
}
