/** A model of PostgreSQL that works through what it was sent one by one, so that a cancel may find it at something. */
import { SqlError } from "../model/database.ts";
import { CANCELLED, ModelServer } from "../model/server.ts";
import { LONG_ROW_BYTES } from "#sidecar/protocols/postgres/rows.ts";
import { Messages, typeOf } from "../wire.ts";

export interface Order {
  readonly message: Buffer;
  /** What was refused when it was sent. */
  readonly refuses: readonly string[];
}

export class BusyUpstream {
  readonly model: ModelServer;
  /** Sent, and not begun. */
  readonly orders: Order[] = [];
  /** Said, and not delivered. */
  readonly said: Buffer[] = [];
  readonly #messages = new Messages();
  #doing: Order | undefined;
  readonly #isWide: boolean;
  #isCancelled = false;

  constructor(isWide: boolean, onRun: (text: string, order: Order) => void) {
    this.#isWide = isWide;
    this.model = new ModelServer({
      refuses: undefined,
      masks: false,
      onRun: (text) => {
        if (this.#isCancelled) {
          this.#isCancelled = false;
          throw new SqlError(CANCELLED);
        }
        if (this.#doing !== undefined) onRun(text.trim(), this.#doing);
      },
    });
  }

  add(bytes: Buffer, refuses: readonly string[]): Buffer[] {
    const messages = this.#messages.add(bytes);
    this.orders.push(...messages.map((message) => ({ message: Buffer.from(message), refuses })));
    return messages;
  }

  work(): void {
    this.#doing = this.orders.shift();
    if (this.#doing === undefined) return;
    const said = this.model.take(this.#doing.message);
    this.said.push(...(this.#isWide ? said.map(widened) : said));
    // A cancel that has found something without an end of its own is forgotten with it.
    this.#isCancelled = false;
  }

  /** Hits what it is at, or nothing. */
  cancel(): void {
    if (this.model.isCopying) this.said.push(...this.model.cancelCopy());
    else this.#isCancelled = this.orders.length > 0;
  }

  get isIdle(): boolean {
    return this.orders.length === 0 && this.said.length === 0;
  }
}

const PADDING = Buffer.alloc(LONG_ROW_BYTES, 0x78);

/** A row of people whose text is longer than what the gateway has whole. */
function widened(message: Buffer): Buffer {
  if (typeOf(message) !== "D" || message.readInt16BE(5) !== 3) return message;
  const at = 7 + 4 + message.readInt32BE(7);
  const length = message.readInt32BE(at);
  if (length < 0) return message;
  const end = at + 4 + length;
  const wide = Buffer.concat([message.subarray(0, end), PADDING, message.subarray(end)]);
  wide.writeInt32BE(wide.length - 1, 1);
  wide.writeInt32BE(length + PADDING.length, at);
  return wide;
}
