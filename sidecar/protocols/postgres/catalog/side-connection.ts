/** Asks a server for rows, one query after the other, outside of any client's session. */
import type { Socket } from "node:net";
import { serialize } from "pg-protocol";
import { BodyReader, MalformedMessage } from "#core/wire/postgres/fields.ts";
import { BACKEND_FRAMES, FrameScanner, HEADER_BYTES } from "#core/wire/postgres/frames.ts";
import { readNoticeOrError } from "#core/wire/postgres/messages.ts";
import { readSome } from "../../reading.ts";
import { write } from "../../peer.ts";

/** The server did not answer as asked. Nothing of its text is kept: it may quote names that are not for agents. */
export class SideFailure extends Error {
  override readonly name = "SideFailure";
  /** SQLSTATE; absent when it was not the server that objected. */
  readonly code: string | undefined;
  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

const DATA_ROW = 0x44;
const ROW_BYTES_MAX = 4 * 1024 * 1024;

export class SideConnection {
  readonly #socket: Socket;
  readonly #scanner = new FrameScanner(BACKEND_FRAMES);
  #bytesLeft = Infinity;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#scanner.wantWhole(DATA_ROW, ROW_BYTES_MAX);
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  close(): void {
    if (this.isOpen) this.#socket.end(serialize.end());
    this.#socket.destroy();
  }

  /** From here on that much may come before it is given up. */
  allow(bytes: number): void {
    this.#bytesLeft = bytes;
  }

  /** Several statements, none of which returns rows that matter. */
  async run(text: string, signal: AbortSignal): Promise<void> {
    await this.#ask(serialize.query(text), signal);
  }

  /** The DataRows as they came, to be read with `valuesOf`. */
  async rows(text: string, values: readonly string[], signal: AbortSignal): Promise<Buffer[]> {
    const messages = [
      serialize.parse({ text }),
      serialize.bind({ values: [...values] }),
      serialize.execute({}),
      serialize.sync(),
    ];
    return this.#ask(Buffer.concat(messages), signal);
  }

  async #ask(request: Uint8Array, signal: AbortSignal): Promise<Buffer[]> {
    try {
      await write(this.#socket, request);
      return await this.#answer(signal);
    } catch (error) {
      // Whatever was on its way is in nobody's hands any more, unless the server has said it is ready.
      if (!(error instanceof SideFailure) || error.code === undefined) this.#socket.destroy();
      throw error;
    }
  }

  async #answer(signal: AbortSignal): Promise<Buffer[]> {
    const rows: Buffer[] = [];
    let failure: SideFailure | undefined;
    const scanner = this.#scanner;
    for (;;) {
      const step = scanner.next();
      if (step === "broken") throw new SideFailure("the upstream broke its protocol");
      if (step === "head" || step === "piece") throw new SideFailure("one row of the catalog is too large");
      if (step === "more") {
        const chunk = await readSome(this.#socket, signal);
        if (chunk === undefined) throw new SideFailure("the upstream ended the session");
        this.#bytesLeft -= chunk.length;
        if (this.#bytesLeft < 0) throw new SideFailure("the catalog is larger than the gateway reads");
        scanner.push(chunk);
        continue;
      }
      const type = String.fromCharCode(scanner.type);
      if (type === "D") rows.push(scanner.bytes.subarray(scanner.start, scanner.end));
      else if (type === "E") {
        const fields = readNoticeOrError(scanner.bytes, scanner.start, scanner.end);
        const code = fields.get("C") ?? "";
        if (fields.get("V") === "FATAL")
          throw new SideFailure(`the upstream ended the session (SQLSTATE ${code})`);
        failure ??= new SideFailure(`the upstream does not answer (SQLSTATE ${code})`, code);
      } else if (type === "Z") {
        if (failure !== undefined) throw failure;
        return rows;
      }
    }
  }
}

export function valuesOf(row: Buffer): (string | null)[] {
  const reader = new BodyReader(row, HEADER_BYTES, row.length);
  const values: (string | null)[] = [];
  for (let count = reader.int16(); count > 0; count -= 1) {
    const length = reader.int32();
    if (length < -1) throw new MalformedMessage("a value has an impossible length");
    values.push(length < 0 ? null : reader.take(length).toString("utf8"));
  }
  return values;
}
