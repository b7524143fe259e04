/** Keeps track of the search path of a session: texts mean nothing without it. */
import { type Refusal, refusal } from "#core/values/refusal.ts";

/** Nobody has a longer one, and every name without a schema is looked for in all of it. */
export const PATH_CHARS_MAX: number = 64 * 1024;
const SCHEMAS_MAX = 1_000;

export const PATH_TOO_LONG: Refusal = refusal(
  "LIMIT_GATEWAY",
  `the search path has more than the ${SCHEMAS_MAX} schemas, or ${PATH_CHARS_MAX / 1024} KiB, that the gateway follows`,
);

/** Why a path cannot be followed; undefined when it can. */
export function pathProblem(value: string, user: string): Refusal | undefined {
  const schemas = schemasOf(value, user);
  if (schemas === "too long") return PATH_TOO_LONG;
  if (schemas === undefined)
    return refusal("UPSTREAM_PROTOCOL", "the upstream tells a search path that is none");
  return undefined;
}

/** A setting's value as PostgreSQL splits it (`SplitIdentifierString`); undefined when it is none. */
export function schemasOf(value: string, user: string): string[] | "too long" | undefined {
  if (value.length > PATH_CHARS_MAX) return "too long";
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
    if (schemas.length >= SCHEMAS_MAX) return "too long";
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
    const schemas = schemasOf(value, user);
    this.current = Array.isArray(schemas) ? schemas : [];
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

  /** The value as the server tells it. Why it cannot be followed; undefined when it can. */
  told(value: string): Refusal | undefined {
    const schemas = schemasOf(value, this.#user);
    if (!Array.isArray(schemas)) return pathProblem(value, this.#user);
    this.#stale = false;
    if (
      schemas.length === this.current.length &&
      schemas.every((schema, index) => schema === this.current[index])
    )
      return undefined;
    this.current = schemas;
    this.epoch += 1;
    return undefined;
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
