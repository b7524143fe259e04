/** The drivers, each a column of the matrix: where it comes from and how its program is run. */
import { execFileSync } from "node:child_process";
import { accessSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Program } from "./conversation.ts";

export interface Driver extends Program {
  /** What has to be there; tools/setup/clients.sh gets it. */
  readonly needs: readonly string[];
  /** Done once, before its program is run. */
  readonly prepare?: () => void;
}

const root = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const PYTHON = root(".cache/venv/current/bin/python");

const python = (program: string): Driver => ({
  command: [PYTHON, program],
  folder: root("tools/drivers/programs/python"),
  needs: [PYTHON],
});

const node = (program: string): Driver => ({
  command: [process.execPath, program],
  folder: root("tools/drivers/programs/node"),
  needs: [],
});

const JAR = root(".cache/jdbc/postgresql-42.7.11.jar");
const JAVA = root("tools/drivers/programs/java");
const CLASSES = root(".cache/jdbc/programs");

function compileJava(): void {
  const sources = readdirSync(JAVA).map((file) => join(JAVA, file));
  execFileSync("javac", ["-encoding", "UTF-8", "-cp", JAR, "-d", CLASSES, ...sources]);
}

export const DRIVERS = {
  psql: { ...node("with-psql.ts"), needs: ["/usr/bin/psql"] },
  "node-postgres": node("with-node-postgres.ts"),
  "postgres.js": node("with-postgres-js.ts"),
  Drizzle: node("with-drizzle.mjs"),
  "psycopg 3": python("with_psycopg.py"),
  asyncpg: python("with_asyncpg.py"),
  SQLAlchemy: python("with_sqlalchemy.py"),
  pgjdbc: {
    command: ["java", "-cp", `${JAR}:${CLASSES}`, "WithJdbc"],
    folder: JAVA,
    needs: [JAR],
    prepare: compileJava,
  },
} as const satisfies Record<string, Driver>;

export type DriverName = keyof typeof DRIVERS;

/** What a machine lacks for the matrix. */
export function missing(): string[] {
  return Object.entries(DRIVERS).flatMap(([name, { needs }]) =>
    needs.filter((file) => !isThere(file)).map((file) => `${name} needs ${file}`),
  );
}

function isThere(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
