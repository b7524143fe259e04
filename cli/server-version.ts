/** The option that says which version's stock catalog stands in for the live one. */
import { STOCK_VERSIONS, type StockVersion } from "#core/statements/postgres/stock.ts";

type Word = `${StockVersion}`;

const WORDS = STOCK_VERSIONS.map(String) as unknown as readonly Word[];

export const SERVER_VERSION_OPTION = {
  type: "string",
  choices: WORDS,
  default: "18",
  help: "major version of PostgreSQL whose own functions and types are assumed",
} as const;

export function serverVersionOf(word: Word): StockVersion {
  return Number(word) as StockVersion;
}
