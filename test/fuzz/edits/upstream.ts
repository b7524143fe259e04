/** A model of PostgreSQL that works through what it was sent one by one, so that a cancel may find it at something. */
import { SqlError } from "../model/database.ts";
import { CANCELLED, ModelServer } from "../model/server.ts";
import { Messages } from "../wire.ts";

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
  #isCancelled = false;

  constructor(onRun: (text: string, order: Order) => void) {
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
    this.said.push(...this.model.take(this.#doing.message));
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
