/** Where the generator writes. */
export const STOCK_FILE = new URL("../../core/statements/postgres/stock-names.gen.ts", import.meta.url);
