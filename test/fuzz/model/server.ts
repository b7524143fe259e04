/**
 * A model of PostgreSQL's side of the protocol: what is answered to which message in which state, and what stays of it.
 * It is the upstream of the engine in memory; and, with a policy of its own, the reference: a plain server that fails
 * where the policy refuses, as it would on the marker.
 */
import * as answers from "./answers.ts";
import { Database, SqlError } from "./database.ts";
import {
  carryOut,
  columnsOf,
  done,
  type Portal,
  type Prepared,
  type Result,
  type Session,
} from "./carry-out.ts";
import { type Column, isExit, type Kind, read, type Statement, type Value } from "./statements.ts";

export interface ModelHooks {
  /** The reference refuses; an upstream has nothing to refuse with. */
  readonly refuses: ((text: string) => boolean) | undefined;
  readonly masks: boolean;
  /** Something is about to be carried out; throws what happens to it instead. */
  readonly onRun: (text: string) => void;
}

/** What the reference answers to what is refused: the SQLSTATE that the gateway uses. */
export const REFUSED = "42501";

/** A statement that was cancelled. */
export const CANCELLED = "57014";

const ENDS: ReadonlySet<Kind> = new Set(["commit", "rollback", "discardAll"]);

type Doing = Generator<undefined, void, Incoming>;
interface Incoming {
  readonly type: string;
  readonly body: Buffer;
}

export class ModelServer implements Session {
  readonly statements = new Map<string, Prepared>();
  readonly portals = new Map<string, Portal>();
  readonly database: Database = new Database((keep) => {
    for (const name of this.portals.keys()) if (!keep.has(name)) this.portals.delete(name);
  });
  /** It has refused what the gateway can only refuse while it knows all names. */
  hasRefusedByName = false;
  readonly #hooks: ModelHooks;
  #skipping = false;
  /** Something of this group has run: it counts as a pipeline. */
  #hasRun = false;
  #reported = "";
  /** Waits for the data of a COPY. */
  #copying: Doing | undefined;
  #held: Buffer[] = [];
  #left: Buffer[] = [];

  constructor(hooks: ModelHooks) {
    this.#hooks = hooks;
  }

  /** One whole message; what leaves the server then. The rest is held back until a Flush, a Sync or an error. */
  take(message: Buffer): Buffer[] {
    const incoming = { type: String.fromCharCode(message[0] ?? 0), body: message.subarray(5) };
    if (this.#copying !== undefined) {
      if (!"HS".includes(incoming.type)) this.#go(this.#copying, incoming);
    } else if (!this.#skipping || "SX".includes(incoming.type)) this.#go(this.#message(incoming), incoming);
    const left = this.#left;
    this.#left = [];
    return left;
  }

  get isCopying(): boolean {
    return this.#copying !== undefined;
  }

  /** A cancel that finds it waiting for the data of a COPY. What leaves the server then. */
  cancelCopy(): Buffer[] {
    const doing = this.#copying;
    if (doing === undefined) return [];
    this.#copying = doing.throw(new SqlError(CANCELLED)).done === true ? undefined : doing;
    const left = this.#left;
    this.#left = [];
    return left;
  }

  #go(doing: Doing, incoming: Incoming): void {
    this.#copying = doing.next(incoming).done === true ? undefined : doing;
  }

  say(...messages: Buffer[]): void {
    this.#held.push(...messages);
  }

  #flush(): void {
    this.#left.push(...this.#held);
    this.#held = [];
  }

  #ready(): void {
    const { data, status, delivered } = this.database;
    if (data.application !== this.#reported)
      this.say(answers.parameter("application_name", data.application));
    this.#reported = data.application;
    if (status === "I") this.say(...delivered.splice(0).map(answers.notification));
    this.say(answers.ready(status));
    this.#flush();
  }

  *#message({ type, body }: Incoming): Doing {
    if (type === "Q") return yield* this.#query(textOf(body, 0));
    if (type === "S") return this.#sync();
    if (type === "H") return this.#flush();
    if (!"PBDEC".includes(type)) return;
    try {
      if (type === "P") this.#parse(body);
      else if (type === "B") this.#bind(body);
      else if (type === "D") this.#describe(body);
      else if (type === "C") this.#close(body);
      else yield* this.#execute(body);
    } catch (error) {
      this.#failed(error);
      this.#skipping = true;
    }
  }

  #failed(error: unknown): void {
    if (!(error instanceof SqlError)) throw error;
    this.database.abort();
    this.say(answers.error(error.code));
    this.#flush();
  }

  #sync(): void {
    this.#skipping = false;
    this.#hasRun = false;
    this.database.finish();
    this.#ready();
  }

  *#query(text: string): Doing {
    this.database.start();
    this.statements.delete("");
    this.portals.delete("");
    try {
      const statements = this.#read(text);
      this.#hooks.onRun(text);
      if (statements.length === 0) this.say(answers.EMPTY_QUERY);
      for (const statement of statements) yield* this.#simple(statement, statements.length > 1);
      this.database.finish();
    } catch (error) {
      this.#failed(error);
    }
    this.#hasRun = false;
    this.#ready();
  }

  *#simple(statement: Statement, isOfSeveral: boolean): Doing {
    const { database } = this;
    database.start();
    if (database.failed && !isExit(statement.kind)) throw new SqlError("25P02");
    if (isOfSeveral && database.block === "begun") database.block = "several";
    if (statement.kind === "missing") throw new SqlError("42P01");
    const columns = columnsOf(this, statement);
    const { rows, tag } = yield* this.#run(statement, columns, database.block === "several");
    if (rows !== undefined && columns !== undefined) {
      this.say(answers.description(columns, false));
      this.#rows(rows, columns, false);
    }
    this.say(answers.complete(tag));
  }

  #rows(rows: readonly (readonly Value[])[], columns: readonly Column[], binary: boolean): void {
    for (const values of rows)
      this.say(answers.row(this.#hooks.masks ? answers.masked(values, columns) : values, binary));
  }

  #read(text: string): Statement[] {
    if (this.#hooks.refuses?.(text) === true) throw new SqlError(REFUSED);
    const statements = read(text);
    if (statements === undefined) throw new SqlError("42601");
    return statements;
  }

  #parse(body: Buffer): void {
    const name = textOf(body, 0);
    const text = textOf(body, name.length + 1);
    this.database.start();
    if (name === "") this.statements.delete("");
    const statements = this.#read(text);
    if (statements.length > 1) throw new SqlError("42601");
    const [statement] = statements;
    if (this.database.failed && statement !== undefined && !isExit(statement.kind))
      throw new SqlError("25P02");
    if (statement?.kind === "missing") throw new SqlError("42P01");
    if (this.statements.has(name)) throw new SqlError("42P05");
    this.statements.set(name, { text, statement });
    this.say(answers.PARSE_COMPLETE);
  }

  #bind(body: Buffer): void {
    const name = textOf(body, 0);
    const of = textOf(body, name.length + 1);
    this.database.start();
    const prepared = this.statements.get(of);
    if (prepared === undefined) throw new SqlError("26000");
    if (this.database.failed && !isExit(prepared.statement?.kind)) throw new SqlError("25P02");
    if (name !== "" && this.portals.has(name)) throw new SqlError("42P03");
    // Formats: none, or one for all; of parameters first, which there are none of.
    const formats = name.length + of.length + 2;
    const at = formats + 2 + body.readInt16BE(formats) * 2 + 2;
    const binary = body.readInt16BE(at) > 0 && body.readInt16BE(at + 2) === 1;
    const columns = columnsOf(this, prepared.statement);
    const standsFor = this.#standsFor(prepared.statement);
    const fresh = { rows: undefined, tag: "", spent: false };
    this.portals.set(name, { ...prepared, binary, standsFor, columns, ...fresh });
    this.say(answers.BIND_COMPLETE);
  }

  #describe(body: Buffer): void {
    const name = textOf(body, 1);
    const ofStatement = body[0] === 0x53;
    if (ofStatement) this.database.start();
    const target = ofStatement ? this.statements.get(name) : this.portals.get(name);
    if (target === undefined) throw new SqlError(ofStatement ? "26000" : "34000");
    const columns = "columns" in target ? (target as Portal).columns : columnsOf(this, target.statement);
    if (this.database.failed && columns !== undefined) throw new SqlError("25P02");
    if (ofStatement) this.say(answers.NO_PARAMETERS);
    const binary = "binary" in target && (target as Portal).binary;
    this.say(columns === undefined ? answers.NO_DATA : answers.description(columns, binary));
  }

  #close(body: Buffer): void {
    const name = textOf(body, 1);
    if (body[0] === 0x53) this.statements.delete(name);
    else this.portals.delete(name);
    this.say(answers.CLOSE_COMPLETE);
  }

  *#execute(body: Buffer): Doing {
    const name = textOf(body, 0);
    const rowsMax = body.readInt32BE(name.length + 1);
    const portal = this.portals.get(name);
    if (portal === undefined) throw new SqlError("34000");
    if (this.#hooks.refuses !== undefined) this.#judge(portal, this.#hooks.refuses);
    const { statement } = portal;
    if (statement === undefined) {
      this.say(answers.EMPTY_QUERY);
      return;
    }
    this.database.start();
    if (this.database.failed && !isExit(statement.kind)) throw new SqlError("25P02");
    if (portal.spent) throw new SqlError("55000");
    if (portal.rows === undefined) {
      // Should it fail, it cannot be run again.
      portal.spent = true;
      yield* this.#first(portal, statement);
    }
    // What commits or rolls back has nothing of the group left behind it.
    this.#hasRun = !ENDS.has(statement.kind);
    this.#page(portal, rowsMax);
  }

  /** As the gateway: by the text, and never what runs by a name that stands for something else since it was bound. */
  #judge(portal: Portal, refuses: (text: string) => boolean): void {
    const runsAnother = portal.rows === undefined && portal.standsFor !== this.#standsFor(portal.statement);
    if (!refuses(portal.text) && !runsAnother) return;
    this.hasRefusedByName = true;
    throw new SqlError(REFUSED);
  }

  #standsFor(statement: Statement | undefined): string | undefined {
    if (statement?.kind === "execute") return this.statements.get("sp")?.text;
    return statement?.kind === "fetch" ? this.portals.get("c")?.text : undefined;
  }

  *#first(portal: Portal, statement: Statement): Doing {
    this.#hooks.onRun(portal.text);
    const result = yield* this.#run(statement, portal.columns, this.#hasRun);
    portal.tag = result.tag;
    portal.rows = result.rows ?? [];
    portal.spent = result.rows === undefined;
  }

  #page(portal: Portal, rowsMax: number): void {
    const rows = portal.rows ?? [];
    const page = rows.splice(0, rowsMax === 0 ? rows.length : rowsMax);
    this.#rows(page, portal.columns ?? [], portal.binary);
    const isWhole = rowsMax === 0 || page.length < rowsMax;
    if (portal.spent) this.say(answers.complete(portal.tag));
    else if (!isWhole) this.say(answers.SUSPENDED);
    else this.say(answers.complete(portal.tag.replace(/\d+$/, String(page.length))));
  }

  *#run(
    statement: Statement,
    columns: readonly Column[] | undefined,
    isInside: boolean,
  ): Generator<undefined, Result, Incoming> {
    if (statement.kind === "copyIn") return yield* this.#copyIn();
    // What a name stands for may be another thing than when its result was described.
    if (columnsOf(this, statement) !== columns) throw new SqlError("0A000");
    return carryOut(this, statement, isInside);
  }

  *#copyIn(): Generator<undefined, Result, Incoming> {
    this.say(answers.COPY_IN);
    this.#flush();
    const kept = new Set(this.database.data.kept);
    let lines = 0;
    let incoming = yield;
    for (; incoming.type === "d"; incoming = yield) {
      const n = Number(incoming.body.toString().trim());
      if (!Number.isInteger(n)) throw new SqlError("22P02");
      if (kept.has(n)) throw new SqlError("23505");
      kept.add(n);
      lines += 1;
    }
    if (incoming.type !== "c") throw new SqlError(incoming.type === "f" ? "57014" : "08P01");
    this.database.change({ kept });
    return done(`COPY ${lines}`);
  }
}

function textOf(body: Buffer, at: number): string {
  return body.toString("utf8", at, body.indexOf(0, at));
}
