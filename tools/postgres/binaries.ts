import { accessSync, constants, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const POSTGRES_VERSIONS = [15, 16, 17, 18] as const;
export type PostgresVersion = (typeof POSTGRES_VERSIONS)[number];

export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
  /** `18.4.0-beta.17`: the package's version, so that a new release gets a new template. */
  readonly release: string;
}

/** This machine cannot run that server. A test says so in one line and, under CI=true, fails. */
export class PostgresUnavailable extends Error {
  override readonly name = "PostgresUnavailable";
}

/** Where npm put the server of that version. */
export function findBinaries(version: PostgresVersion): Binaries {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new PostgresUnavailable(
      `PostgreSQL for tests is packaged for linux-x64, not ${process.platform}-${process.arch}`,
    );
  const home = fileURLToPath(new URL(`../../node_modules/pg${version}-linux-x64`, import.meta.url));
  const binaries = { initdb: `${home}/native/bin/initdb`, postgres: `${home}/native/bin/postgres` };
  try {
    for (const file of Object.values(binaries)) accessSync(file, constants.X_OK);
    return { ...binaries, release: releaseOf(`${home}/package.json`) };
  } catch (cause) {
    throw new PostgresUnavailable(`PostgreSQL ${version} is not in node_modules: run \`npm ci\``, { cause });
  }
}

function releaseOf(packageFile: string): string {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version?: unknown };
  if (typeof version !== "string") throw new TypeError(`${packageFile} has no version`);
  return version;
}
