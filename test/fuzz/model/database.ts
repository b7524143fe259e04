/** What the model's server keeps, and how transactions take it back. */
export class SqlError extends Error {
  override readonly name = "SqlError";
  readonly code: string;
  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

export interface Data {
  readonly kept: ReadonlySet<number>;
  readonly listening: boolean;
  readonly application: string;
}

interface Savepoint {
  readonly data: Data;
  readonly portals: ReadonlySet<string>;
  readonly notifications: number;
}

export const FIRST: Data = { kept: new Set([1, 2, 3]), listening: false, application: "" };

export class Database {
  data: Data = FIRST;
  /** `begun`: a transaction that ends with its Query or Sync; `several`: with the string that has several statements. */
  block: "none" | "begun" | "several" | "explicit" = "none";
  failed = false;
  /** Sent to the client, if it listens, as soon as no transaction is open. */
  readonly delivered: string[] = [];
  #before: Data = FIRST;
  #savepoints: Savepoint[] = [];
  #notifications: string[] = [];
  readonly #dropPortals: (keep: ReadonlySet<string>) => void;

  constructor(dropPortals: (keep: ReadonlySet<string>) => void) {
    this.#dropPortals = dropPortals;
  }

  get status(): "I" | "T" | "E" {
    if (this.block !== "explicit") return "I";
    return this.failed ? "E" : "T";
  }

  /** Every message that does something opens a transaction, if none is open. */
  start(): void {
    if (this.block !== "none") return;
    this.block = "begun";
    this.#before = this.data;
  }

  change(change: Partial<Data>): void {
    this.data = { ...this.data, ...change };
  }

  notify(payload: string): void {
    if (!this.#notifications.includes(payload)) this.#notifications.push(payload);
  }

  /** False: there was no block, which is worth a warning; it ends all the same. */
  commit(): boolean {
    const isBlock = this.block === "explicit";
    if (this.failed) this.data = this.#before;
    else if (this.data.listening) this.delivered.push(...this.#notifications);
    this.#end();
    return isBlock;
  }

  rollback(): boolean {
    const isBlock = this.block === "explicit";
    this.data = this.#before;
    this.#end();
    return isBlock;
  }

  #end(): void {
    this.block = "none";
    this.failed = false;
    this.#savepoints = [];
    this.#notifications = [];
    this.#dropPortals(new Set());
  }

  /** A Query or a group of messages has ended. */
  finish(): void {
    if (this.block !== "none" && this.block !== "explicit") this.commit();
  }

  /** An error. */
  abort(): void {
    if (this.block === "explicit") this.failed = true;
    else if (this.block !== "none") this.rollback();
  }

  savepoint(portals: ReadonlySet<string>): void {
    if (this.block !== "explicit") throw new SqlError("25P01");
    this.#savepoints.push({ data: this.data, portals, notifications: this.#notifications.length });
  }

  rollbackTo(): void {
    if (this.block !== "explicit") throw new SqlError("25P01");
    const point = this.#savepoints.at(-1);
    if (point === undefined) throw new SqlError("3B001");
    this.data = point.data;
    this.failed = false;
    this.#notifications.length = point.notifications;
    this.#dropPortals(point.portals);
  }

  release(): void {
    if (this.block !== "explicit") throw new SqlError("25P01");
    if (this.#savepoints.pop() === undefined) throw new SqlError("3B001");
  }
}
