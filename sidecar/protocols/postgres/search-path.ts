/** Keeps track of the search path of a session: texts mean nothing without it. */

/** A setting's value as PostgreSQL splits it (`SplitIdentifierString`); undefined when it is none. */
export function schemasOf(value: string, user: string): string[] | undefined {
  const schemas: string[] = [];
  let rest = value.trim();
  if (rest === "" || rest === '""') return [];
  for (;;) {
    const match = /^(?:"((?:[^"]|"")*)"|([^\s,"]+))\s*/.exec(rest);
    if (match === null) return undefined;
    const quoted = match[1]?.replaceAll('""', '"');
    const name = quoted ?? (match[2] ?? "").toLowerCase();
    rest = rest.slice(match[0].length);
    if (name === "$user") schemas.push(user);
    else if (name !== "pg_temp" && name !== "") schemas.push(name);
    if (rest === "") return schemas;
    if (!rest.startsWith(",")) return undefined;
    rest = rest.slice(1).trimStart();
  }
}

export class SearchPath {
  current: readonly string[];
  /** Where the path returns to if the open transaction is undone. */
  afterTransaction: readonly string[];
  /** Grows with every change. */
  epoch = 0;
  /** Forwarded requests that may move it and have not ended. */
  #moving = 0;
  /** It may have moved and nobody has said where to. */
  #stale = false;
  /** What ends the transaction, or a part of it, may move it back. */
  #movedInTransaction = false;
  /** Servers from 18 on report the path by themselves before they are ready for the next query. */
  readonly #reported: boolean;
  readonly #user: string;

  constructor(value: string, user: string, reported: boolean) {
    this.#user = user;
    this.#reported = reported;
    this.current = schemasOf(value, user) ?? [];
    this.afterTransaction = this.current;
  }

  get isKnown(): boolean {
    return this.#moving === 0 && !this.#stale;
  }

  get mayMoveBack(): boolean {
    return this.#moving > 0 || this.#movedInTransaction;
  }

  get isMoving(): boolean {
    return this.#moving > 0;
  }

  moving(): void {
    this.#moving += 1;
  }

  moved(): void {
    this.#moving -= 1;
    this.#stale = true;
    this.#movedInTransaction = true;
  }

  /** The value as the server tells it. */
  told(value: string): void {
    const schemas = schemasOf(value, this.#user) ?? [];
    this.#stale = false;
    if (
      schemas.length === this.current.length &&
      schemas.every((schema, index) => schema === this.current[index])
    )
      return;
    this.current = schemas;
    this.epoch += 1;
  }

  ready(status: "I" | "T" | "E"): void {
    if (this.#reported && this.#moving === 0) this.#stale = false;
    // Inside an aborted transaction nothing runs that has a meaning; the end of it is another ReadyForQuery.
    if (status !== "I") return;
    if (this.#movedInTransaction && !this.#reported) this.#stale = true;
    this.#movedInTransaction = false;
    this.afterTransaction = this.current;
  }
}
