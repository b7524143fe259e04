/**
 * Prepared statements, portals and cursors of one session, as they will be when everything that was forwarded has been
 * carried out. What fails or is skipped is undone, latest first.
 */
import type { PostgresRequest, StatementFacts } from "#core/statements/postgres/facts.ts";
import type { Traits } from "./traits.ts";

export interface Statement {
  request: PostgresRequest;
  traits: Traits;
  readonly text: Buffer;
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
}

export interface Portal {
  readonly statement: Statement;
  /** As analysed when it was bound. */
  readonly request: PostgresRequest;
  /** Execution has begun, so that going on with it is not another request. */
  started: boolean;
  generation: number;
  recorded: number;
}

export type Undo = () => void;

export const NAMES_MAX = 10_000;

export class Names {
  readonly #statements = new Map<string, Statement>();
  readonly #portals = new Map<string, Portal>();
  /** Of PREPARE and DECLARE, by name. */
  readonly #prepared = new Map<string, StatementFacts>();
  readonly #cursors = new Map<string, StatementFacts>();
  #unnamedStatement: Statement | undefined;
  #unnamedPortal: Portal | undefined;
  /** False once unknown code ran: it may have prepared, closed or replaced anything. */
  complete = true;

  statement(name: string): Statement | undefined {
    return name === "" ? this.#unnamedStatement : this.#statements.get(name);
  }

  portal(name: string): Portal | undefined {
    return name === "" ? this.#unnamedPortal : this.#portals.get(name);
  }

  preparedFacts(name: string): StatementFacts | undefined {
    return this.#prepared.get(name) ?? this.#statements.get(name)?.request.statements[0];
  }

  cursorFacts(name: string): StatementFacts | undefined {
    return this.#cursors.get(name) ?? this.#portals.get(name)?.request.statements[0];
  }

  setStatement(name: string, statement: Statement | undefined): void {
    if (name === "") this.#unnamedStatement = statement;
    else put(this.#statements, name, statement);
    if (name !== "" && statement !== undefined) this.#prepared.delete(name);
  }

  setPortal(name: string, portal: Portal | undefined): void {
    if (name === "") this.#unnamedPortal = portal;
    else put(this.#portals, name, portal);
  }

  /** Remembers what a text prepares or declares. */
  define({ statements }: PostgresRequest): Undo {
    const undos = statements.flatMap((facts) => {
      if (facts.defines === undefined) return [];
      const { kind, name } = facts.defines;
      const map = kind === "prepared" ? this.#prepared : this.#cursors;
      const before = map.get(name);
      put(map, name, facts);
      return [(): void => put(map, name, before)];
    });
    return () => {
      for (const undo of undos.reverse()) undo();
    };
  }

  /** DEALLOCATE ALL, DISCARD ALL. */
  forgetPrepared(): void {
    this.#statements.clear();
    this.#prepared.clear();
    this.#unnamedStatement = undefined;
  }

  forgetPortals(): void {
    this.#portals.clear();
    this.#unnamedPortal = undefined;
  }

  forgetEverything(): void {
    this.forgetPrepared();
    this.forgetPortals();
    this.#cursors.clear();
    this.complete = false;
  }

  get size(): number {
    return this.#statements.size + this.#portals.size + this.#prepared.size + this.#cursors.size;
  }
}

function put<Value>(map: Map<string, Value>, name: string, value: Value | undefined): void {
  if (value === undefined) map.delete(name);
  else map.set(name, value);
}
