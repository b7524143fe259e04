/** What a whole run has found: docs/drivers.json. */
import type { FeatureId } from "./features.ts";
import type { Verdict } from "./judge.ts";
import type { DriverName } from "./programs.ts";

/** A run with a cell that differs without a rule leaves no report. */
export type Finding = Exclude<Verdict, { readonly is: "differs" }>;

export interface Report {
  /** The servers, by their major version. */
  readonly servers: Readonly<Record<string, string>>;
  /** What each driver said that it is. */
  readonly drivers: Readonly<Record<DriverName, string>>;
  /** By major version of the server. */
  readonly cells: Readonly<
    Record<FeatureId, Readonly<Record<DriverName, Readonly<Record<string, Finding>>>>>
  >;
}

export const REPORT = new URL("../../docs/drivers.json", import.meta.url);
export const PAGE = new URL("../../docs/drivers.md", import.meta.url);
