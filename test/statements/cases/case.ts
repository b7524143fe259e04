/**
 * One statement text and what analysis must say of it, on one line, so that a table of cases can be read from top to
 * bottom. The oracle runs those that are judged to do nothing but read against `schema.sql` on a real server.
 *
 *   class: item, item; class: item          one `class: …` for each statement of the text
 *   read public.orders                      an access; a trailing `!` says unfiltered: `read public.orders!`
 *   ddl                                     an access without a relation
 *   fn public|app.leak                      a call that is not known to be harmless, with every schema it may come from
 *   op public.===  ·  type public.mood      the same for operators and types
 *   ?DYNAMIC_CODE                           a doubt
 *   nothing                                 no statement at all
 */
export interface StatementCase {
  readonly sql: string;
  readonly expect: string;
  /** Effective search path when the text is judged and run; `["public"]` unless said otherwise. */
  readonly searchPath?: readonly string[];
  /** What the path returns to at the end of the open transaction; `searchPath` unless said otherwise. */
  readonly searchPathAfterTransaction?: readonly string[];
  /** Why the oracle must not run it, as `COPY … FROM STDIN` would hang a simple client. */
  readonly notRun?: string;
}

export const judged = (
  sql: string,
  expect: string,
  rest: Omit<StatementCase, "sql" | "expect"> = {},
): StatementCase => ({
  sql,
  expect,
  ...rest,
});
