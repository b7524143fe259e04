import {
  findBinaries,
  POSTGRES_VERSIONS,
  type PostgresVersion,
  PostgresUnavailable,
} from "#tools/postgres/binaries.ts";

/**
 * For `test(…, { skip: skipWithoutPostgres(18) }, …)`: false where the server can run, else one line that says why not.
 * Under CI=true nothing is skipped; the throw fails the file.
 */
export function skipWithoutPostgres(...versions: readonly PostgresVersion[]): string | false {
  try {
    for (const version of versions.length === 0 ? POSTGRES_VERSIONS : versions) findBinaries(version);
    return false;
  } catch (error) {
    if (!(error instanceof PostgresUnavailable) || process.env["CI"] === "true") throw error;
    return error.message;
  }
}
