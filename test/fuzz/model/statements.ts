/** The statements that the model carries out, read by their spelling: `texts.ts` makes them. */
import { PEOPLE } from "../texts.ts";

export type Kind =
  | "read"
  | "people"
  | "insert"
  | "delete"
  | "divide"
  | "missing"
  | "begin"
  | "commit"
  | "rollback"
  | "savepoint"
  | "rollbackTo"
  | "release"
  | "prepare"
  | "execute"
  | "deallocate"
  | "deallocateAll"
  | "discardAll"
  | "declare"
  | "fetch"
  | "close"
  | "copyOut"
  | "copyIn"
  | "listen"
  | "unlisten"
  | "notify"
  | "application"
  | "path";

export interface Statement {
  readonly kind: Kind;
  readonly argument: string;
  /** What a policy judges when it is run by a name. */
  readonly text: string;
}

const SPELLINGS: readonly (readonly [RegExp, Kind])[] = [
  [/^select n from kept order by n$/, "read"],
  [/^select n, secret, pin from people order by n$/, "people"],
  [/^insert into kept values \((\d+)\)$/, "insert"],
  [/^delete from kept where n = (\d+) returning n$/, "delete"],
  [/^select 1 \/ \(n - n\) from people$/, "divide"],
  [/^select n from nowhere$/, "missing"],
  [/^begin$/, "begin"],
  [/^commit$/, "commit"],
  [/^rollback$/, "rollback"],
  [/^savepoint s$/, "savepoint"],
  [/^rollback to s$/, "rollbackTo"],
  [/^release s$/, "release"],
  [/^prepare sp as (.*)$/, "prepare"],
  [/^execute sp$/, "execute"],
  [/^deallocate sp$/, "deallocate"],
  [/^deallocate all$/, "deallocateAll"],
  [/^discard all$/, "discardAll"],
  [/^declare c cursor for (.*)$/, "declare"],
  [/^fetch (\d+) from c$/, "fetch"],
  [/^close c$/, "close"],
  [/^copy kept to stdout$/, "copyOut"],
  [/^copy kept from stdin$/, "copyIn"],
  [/^listen ch$/, "listen"],
  [/^unlisten \*$/, "unlisten"],
  [/^notify ch, '(.*)'$/, "notify"],
  [/^set application_name to '(.*)'$/, "application"],
  [/^show search_path$/i, "path"],
];

/** Undefined: a syntax error, and so of the whole text. */
export function read(text: string): Statement[] | undefined {
  const statements: Statement[] = [];
  for (const part of text.split(";").map((one) => one.trim())) {
    if (part === "") continue;
    const statement = readOne(part);
    if (statement === undefined) return undefined;
    statements.push(statement);
  }
  return statements;
}

function readOne(part: string): Statement | undefined {
  for (const [spelling, kind] of SPELLINGS) {
    const match = spelling.exec(part);
    if (match !== null) return { kind, argument: match[1] ?? "", text: part };
  }
  return undefined;
}

/** What an aborted transaction still takes. */
export const isExit = (kind: Kind | undefined): boolean =>
  kind === "commit" || kind === "rollback" || kind === "rollbackTo";

export interface Column {
  readonly name: string;
  readonly typeOid: number;
  readonly masked: boolean;
}

const INT4 = 23;
const TEXT = 25;
const column = (name: string, typeOid = INT4, masked = false): Column => ({ name, typeOid, masked });

const N = [column("n")];
export const COLUMNS: Partial<Record<Kind, readonly Column[]>> = {
  read: N,
  delete: N,
  people: [column("n"), column("secret", TEXT, true), column("pin", INT4, true)],
  divide: [column("?column?")],
  path: [column("search_path", TEXT)],
};

export type Value = number | string | null;
export const peopleRows = (): Value[][] => PEOPLE.map((row) => [...row]);
