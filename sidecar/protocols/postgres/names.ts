/**
 * Prepared statements, portals and cursors of one session, as they will be when everything that was forwarded has been
 * carried out. PostgreSQL has one space of names for Parse and PREPARE, and one for Bind and DECLARE.
 */
import { factsBytes } from "#core/statements/postgres/facts-bytes.ts";
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import { type Change, Namespace } from "./namespace.ts";
import type { Traits } from "./traits.ts";

export interface Statement {
  request: PostgresRequest;
  traits: Traits;
  readonly text: Buffer;
  /** Made by PREPARE or DECLARE: its text is that of the whole command. */
  readonly byText: boolean;
  /** What the name that it runs stood for when it was analysed, if it runs one. */
  readonly ran: StatementFacts | undefined;
  /** What its names meant when it was analysed; another epoch may have other meanings. */
  epoch: number;
  /** The plan under which it was decided. */
  generation: number;
  /** Number of a decision on record that no execution has used; -1: none. */
  unspent: number;
  /** RowDescription as the server told it; null: it returns no rows; undefined: not asked. */
  description: Buffer | null | undefined;
  descriptionVersion: number;
  /** A Describe of it is on its way. */
  describing: boolean;
  /** How many names lead to it. */
  held: number;
}

export interface Portal {
  readonly statement: Statement;
  /** As analysed when it was bound. */
  readonly request: PostgresRequest;
  /** Execution has begun, so that going on with it is not another request. */
  started: boolean;
  /** The group in which it began, for as long as nobody has said that it did; -1: nobody has to. */
  startingIn: number;
  generation: number;
  recorded: number;
  /** A cursor that outlives its transaction. */
  readonly isHeld: boolean;
  /** Serial of the Bind that makes it of a statement which nobody has named here; -1: it is made of one that is known. */
  readonly boundBy: number;
}

/** What a message does to one name. */
export type NameChange =
  | { readonly of: "statement"; readonly change: Change<Statement> }
  | { readonly of: "portal"; readonly change: Change<Portal> };

export const NAMES_MAX = 10_000;
/** Of what has a name: its text, what was found in it, and its description. */
export const NAMES_BYTES_MAX: number = 32 * 1024 * 1024;

export class Names {
  readonly #statements = new Namespace<Statement>({
    take: (statement) => this.#hold(statement, 1),
    give: (statement) => this.#hold(statement, -1),
  });
  readonly #portals = new Namespace<Portal>({
    take: ({ statement }) => this.#hold(statement, 1),
    give: ({ statement }) => this.#hold(statement, -1),
  });
  #bytes = 0;
  /** False once unknown code ran: it may have prepared, closed or replaced anything. */
  complete = true;
  #group = 0;

  statement(name: string): Statement | undefined {
    return this.#statements.get(name);
  }

  portal(name: string): Portal | undefined {
    return this.#portals.get(name);
  }

  setStatement(name: string, statement: Statement | undefined): NameChange {
    return { of: "statement", change: this.#statements.set(name, statement, this.#group) };
  }

  /** As a Query does, and a Parse without a name that is refused; undefined where there is none to drop. */
  dropUnnamed(): NameChange | undefined {
    return this.#statements.has("") ? this.setStatement("", undefined) : undefined;
  }

  setPortal(name: string, portal: Portal | undefined): NameChange {
    return { of: "portal", change: this.#portals.set(name, portal, this.#group) };
  }

  /** The same statement, analysed anew: portals that are bound to the old one run what that was. */
  renew(name: string, statement: Statement, by: Statement): void {
    this.#statements.replace(name, statement, by);
  }

  /** A Sync or a Query was forwarded: what follows is carried out whether or not what came before was. */
  nextGroup(): void {
    this.#group += 1;
  }

  /** Whether it is still open if a portal has begun, because a group before this one may have failed. */
  mayHaveStarted({ startingIn }: Portal): boolean {
    return startingIn >= 0 && startingIn !== this.#group;
  }

  get group(): number {
    return this.#group;
  }

  /** Whether it is still open what the name stands for, because a group before this one may have failed. */
  isUncertain(of: "statement" | "portal", name: string): boolean {
    return of === "statement"
      ? this.#statements.isUncertain(name, this.#group)
      : this.#portals.isUncertain(name, this.#group);
  }

  /** What EXECUTE or FETCH of that name would run. */
  standsFor({ kind, name }: NonNullable<StatementFacts["runs"]>): StatementFacts | undefined {
    const known = kind === "prepared" ? this.#statements.get(name) : this.#portals.get(name);
    return known?.request.statements[0];
  }

  /** Whether a text of these facts can be judged before it is known what the groups before this one came to. */
  runsUncertain({ statements }: PostgresRequest): boolean {
    return statements.some(
      ({ runs }) =>
        runs !== undefined && this.isUncertain(runs.kind === "prepared" ? "statement" : "portal", runs.name),
    );
  }

  keep(changed: NameChange): void {
    if (changed.of === "statement") this.#statements.keep(changed.change);
    else this.#portals.keep(changed.change);
  }

  undo(changed: NameChange): void {
    if (changed.of === "statement") this.#statements.undo(changed.change);
    else this.#portals.undo(changed.change);
  }

  /** DEALLOCATE ALL, DISCARD ALL. The unnamed statement is none of those that they know. */
  forgetPrepared(): void {
    this.#statements.forget((_, name) => name !== "");
  }

  /** With its transaction every portal ends, but cursors that were declared to be held. */
  forgetPortals(): void {
    this.#portals.forget((portal) => portal?.isHeld !== true);
  }

  forgetEverything(): void {
    this.#statements.forget();
    this.#portals.forget();
    this.complete = false;
  }

  /** What the server says that the statement returns. */
  describe(statement: Statement, description: Buffer | null): void {
    const { held } = statement;
    this.#hold(statement, -held);
    statement.description = description;
    this.#hold(statement, held);
  }

  /** False when no more names are kept. Those that are may still change what they stand for. */
  get hasRoom(): boolean {
    return this.#statements.size + this.#portals.size < NAMES_MAX && this.#bytes < NAMES_BYTES_MAX;
  }

  #hold(statement: Statement, times: number): void {
    const { request, text, description } = statement;
    statement.held += times;
    this.#bytes += times * (text.length + factsBytes(request.statements) + (description?.length ?? 0));
  }
}
