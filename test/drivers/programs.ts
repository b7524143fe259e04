/** The drivers: how each is run, and what is different behind a gateway. Everything else must be the same as without one. */
import { accessSync } from "node:fs";
import { fileURLToPath } from "node:url";

export interface Driver {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** Why it cannot be run here; undefined: it can. */
  readonly missing: string | undefined;
  /** Steps that a policy is to change, as the driver must see them. */
  readonly changed: Readonly<Record<string, unknown>>;
}

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const PYTHON = root(".cache/venv/current/bin/python");
const JDBC = root(".cache/jdbc/postgresql-42.7.11.jar");

const MASKED = [1, 2, 3].map((id) => [id, "***"]);
const MASKED_ROWS = MASKED.map(([id, email]) => ({ id, email }));

export const psql: Driver = {
  name: "psql",
  command: [process.execPath, "with-psql.ts"],
  missing: missing(["/usr/bin/psql"], "psql"),
  changed: {
    mask: ["1|***", "2|***", "3|***"],
    refused: ["psql:<stdin>:1: ERROR:  42501", "6"],
    "refused in a transaction": ["psql:<stdin>:4: ERROR:  42501", "0"],
  },
};

export const drivers: readonly Driver[] = [
  psql,
  {
    name: "node-postgres",
    command: [process.execPath, "with-node-postgres.ts"],
    missing: undefined,
    changed: {
      mask: MASKED_ROWS,
      refused: "42501",
      "refused in a transaction": "42501",
      "behind a refusal in a transaction": "25P02",
      "after the refusals": [{ count: "0" }],
    },
  },
  {
    name: "postgres.js",
    command: [process.execPath, "with-postgres-js.ts"],
    missing: undefined,
    changed: { mask: MASKED_ROWS, refused: "42501" },
  },
  {
    name: "psycopg",
    command: [PYTHON, "with_psycopg.py"],
    missing: missing([PYTHON], "psycopg"),
    changed: { mask: MASKED, "mask in binary": MASKED, refused: "42501", "refused in a pipeline": "42501" },
  },
  {
    name: "asyncpg",
    command: [PYTHON, "with_asyncpg.py"],
    missing: missing([PYTHON], "asyncpg"),
    changed: { "mask in binary": MASKED, refused: "42501" },
  },
  {
    name: "pgjdbc",
    command: ["java", "-cp", JDBC, "Jdbc.java"],
    missing: missing([JDBC], "pgjdbc"),
    changed: {
      mask: "[[1, ***], [2, ***], [3, ***]]",
      refused: "42501",
      "refused in a transaction": "42501",
      "behind a refusal in a transaction": "25P02",
    },
  },
];

function missing(files: readonly string[], name: string): string | undefined {
  try {
    for (const file of files) accessSync(file);
    return undefined;
  } catch (error) {
    const why = `${name} is not installed: tools/setup/clients.sh gets it`;
    if (process.env["CI"] === "true") throw new Error(why, { cause: error });
    return why;
  }
}
