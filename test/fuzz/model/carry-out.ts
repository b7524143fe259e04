/** What the statements of the model do, and what they return. */
import * as answers from "./answers.ts";
import { type Database, SqlError } from "./database.ts";
import {
  COLUMNS,
  type Column,
  type Kind,
  peopleRows,
  read,
  type Statement,
  type Value,
} from "./statements.ts";

export interface Prepared {
  readonly text: string;
  /** Undefined: the empty text. */
  readonly statement: Statement | undefined;
}

export interface Portal extends Prepared {
  readonly binary: boolean;
  /** The text behind the name that it runs. */
  readonly standsFor: string | undefined;
  /** What it was said to return. */
  readonly columns: readonly Column[] | undefined;
  /** What is left of its result; undefined: it has not run. */
  rows: Value[][] | undefined;
  tag: string;
  /** Without a result it can run once. */
  spent: boolean;
}

const RUNNABLE: ReadonlySet<Kind> = new Set<Kind>(["read", "people", "insert", "delete", "divide"]);

export interface Result {
  readonly rows: Value[][] | undefined;
  readonly tag: string;
}

/** The server, as a statement sees it. */
export interface Session {
  readonly database: Database;
  readonly statements: Map<string, Prepared>;
  readonly portals: Map<string, Portal>;
  say(...messages: Buffer[]): void;
}

const NO_BLOCK = answers.warning("25P01");

/** What it returns as far as names say now. */
export function columnsOf(session: Session, statement: Statement | undefined): readonly Column[] | undefined {
  switch (statement?.kind) {
    case "execute": {
      const inner = session.statements.get("sp")?.statement;
      return inner !== undefined && RUNNABLE.has(inner.kind) ? COLUMNS[inner.kind] : undefined;
    }
    case "fetch":
      return session.portals.get("c")?.columns;
    default:
      return statement === undefined ? undefined : COLUMNS[statement.kind];
  }
}

/** EXECUTE takes what returns rows or changes them, and nothing else that the model has. */
function runnable(prepared: Prepared | undefined): Statement {
  if (prepared === undefined) throw new SqlError("26000");
  const { statement } = prepared;
  if (statement !== undefined && RUNNABLE.has(statement.kind)) return statement;
  throw new SqlError("0A000");
}

// oxlint-disable-next-line complexity -- one case for each kind of statement
export function carryOut(session: Session, statement: Statement, isInside: boolean): Result {
  const { database, statements } = session;
  const { kept } = database.data;
  const number = Number(statement.argument);
  switch (statement.kind) {
    case "read":
      return rowsOf([...kept].sort((a, b) => a - b).map((n) => [n]));
    case "people":
      return rowsOf(peopleRows());
    case "path":
      return { rows: [["public"]], tag: "SHOW" };
    case "divide":
      throw new SqlError("22012");
    case "insert":
      if (kept.has(number)) throw new SqlError("23505");
      database.change({ kept: new Set([...kept, number]) });
      return done("INSERT 0 1");
    case "delete": {
      const rows = kept.has(number) ? [[number]] : [];
      database.change({ kept: new Set([...kept].filter((n) => n !== number)) });
      return { rows, tag: `DELETE ${rows.length}` };
    }
    case "execute":
      return carryOut(session, runnable(statements.get("sp")), isInside);
    case "prepare": {
      if (statements.has("sp")) throw new SqlError("42P05");
      const [inner] = read(statement.argument) ?? [];
      statements.set("sp", { text: statement.text, statement: inner });
      return done("PREPARE");
    }
    case "deallocate":
      if (!statements.delete("sp")) throw new SqlError("26000");
      return done("DEALLOCATE");
    case "deallocateAll":
      forgetNamed(session);
      return done("DEALLOCATE ALL");
    case "copyOut":
      session.say(
        answers.COPY_OUT,
        ...[...kept].sort((a, b) => a - b).map((n) => answers.copyLine(`${n}\n`)),
      );
      session.say(answers.COPY_DONE);
      return done(`COPY ${kept.size}`);
    case "listen":
      database.change({ listening: true });
      return done("LISTEN");
    case "unlisten":
      database.change({ listening: false });
      return done("UNLISTEN");
    case "notify":
      database.notify(statement.argument);
      return done("NOTIFY");
    case "application":
      database.change({ application: statement.argument });
      return done("SET");
    case "declare":
    case "fetch":
    case "close":
      return cursor(session, statement);
    default:
      return control(session, statement, isInside);
  }
}

function cursor(session: Session, statement: Statement): Result {
  const { portals } = session;
  if (statement.kind === "declare") {
    if (session.database.block !== "explicit" && session.database.block !== "several")
      throw new SqlError("25P01");
    if (portals.has("c")) throw new SqlError("42P03");
    const [inner] = read(statement.argument) ?? [];
    if (inner === undefined) throw new SqlError("42601");
    const { rows = [], tag } = carryOut(session, inner, false);
    const columns = columnsOf(session, inner);
    const { text } = statement;
    const begun = { binary: false, standsFor: undefined, columns, rows, tag, spent: false };
    portals.set("c", { text, statement: inner, ...begun });
    return done("DECLARE CURSOR");
  }
  const cursor = portals.get("c");
  if (cursor === undefined) throw new SqlError("34000");
  if (statement.kind === "close") {
    portals.delete("c");
    return done("CLOSE CURSOR");
  }
  // What the protocol bound, and what returns nothing, FETCH does not take in the model.
  if (cursor.spent || cursor.rows === undefined) throw new SqlError("55000");
  const rows = cursor.rows.splice(0, Number(statement.argument));
  return { rows, tag: `FETCH ${rows.length}` };
}

function control(session: Session, statement: Statement, isInside: boolean): Result {
  const { database } = session;
  switch (statement.kind) {
    case "begin":
      if (database.block === "explicit") session.say(answers.warning("25001"));
      database.block = "explicit";
      return done("BEGIN");
    case "commit": {
      const tag = database.failed ? "ROLLBACK" : "COMMIT";
      if (!database.commit()) session.say(NO_BLOCK);
      return done(tag);
    }
    case "rollback":
      if (!database.rollback()) session.say(NO_BLOCK);
      return done("ROLLBACK");
    case "savepoint":
      database.savepoint(new Set(session.portals.keys()));
      return done("SAVEPOINT");
    case "rollbackTo":
      database.rollbackTo();
      return done("ROLLBACK");
    case "release":
      database.release();
      return done("RELEASE");
    case "discardAll":
      if (isInside || database.block === "explicit") throw new SqlError("25001");
      forgetNamed(session);
      database.change({ listening: false, application: "" });
      database.commit();
      return done("DISCARD ALL");
    default:
      throw new RangeError(`the model cannot carry out ${statement.kind}`);
  }
}

const rowsOf = (rows: Value[][]): Result => ({ rows, tag: `SELECT ${rows.length}` });
export const done = (tag: string): Result => ({ rows: undefined, tag });

/** The unnamed statement is kept apart from those that can be deallocated. */
function forgetNamed({ statements }: Session): void {
  for (const name of statements.keys()) if (name !== "") statements.delete(name);
}
