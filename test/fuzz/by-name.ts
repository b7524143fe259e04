/** To take a name for more than the server has does no harm: what runs by it is refused, or fails. */
import { REFUSED } from "./model/server.ts";

const FAILS_BY_NAME: ReadonlySet<string | undefined> = new Set(
  ["26000", "34000", "55000", "0A000", "25P02"].map((code) => `E(${code})`),
);

export const isSameByName = (heard: string | undefined, expected: string | undefined): boolean =>
  heard === expected || (heard === `E(${REFUSED})` && FAILS_BY_NAME.has(expected));
