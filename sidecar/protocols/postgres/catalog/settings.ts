import type { ReadingLimits } from "./snapshot.ts";

export interface CatalogSettings {
  /** Up to this age it is used as it is; from then on it is read again beside the traffic. */
  readonly freshMs: number;
  /** From this age on texts wait for it: what others have changed is known by then. */
  readonly staleMs: number;
  /**
   * Where reading takes long, both ages are longer: up to so many times of what it took it is fresh, twice that stale. So
   * a database is busy with it for one part in so many of its time at most.
   */
  readonly agePerCost: number;
  /** Where nobody waits for it, it is read again that seldom after a session's own changes, and no more often than `agePerCost` says. */
  readonly followMs: number;
  /** A session that names what is not known has it read again that seldom; the sessions of one catalog together, see `lookPerCost`. */
  readonly lookMs: number;
  /** Between two such readings lies so many times of what the last one took. */
  readonly lookPerCost: number;
  /** A side connection that nobody needs is closed after this. */
  readonly idleMs: number;
  /** What no session uses is forgotten after this. */
  readonly keepMs: number;
  readonly retryMs: number;
  /** One reading, login included. */
  readonly readMs: number;
  readonly limits: ReadingLimits;
}

export const CATALOG_SETTINGS: CatalogSettings = {
  freshMs: 10_000,
  staleMs: 30_000,
  agePerCost: 20,
  followMs: 1_000,
  lookMs: 1_000,
  lookPerCost: 4,
  idleMs: 5_000,
  keepMs: 60_000,
  retryMs: 2_000,
  readMs: 30_000,
  limits: { rowsMax: 250_000, bytesMax: 128 * 1024 * 1024 },
};
