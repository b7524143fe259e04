import { setImmediate as turn } from "node:timers/promises";
import { valuesOf } from "./side-connection.ts";

/** How long rows are worked on before everybody else has a turn: sessions are relayed by the same thread. */
const TURN_MS = 5;
/** Asking for the time costs as much as a row. */
const ROWS_BETWEEN_LOOKS = 16;

/** A long list of rows, without holding up anybody for its whole length. */
export async function eachRow(
  rows: readonly Buffer[],
  work: (values: (string | null)[]) => void,
): Promise<void> {
  let beganMs = performance.now();
  for (const [index, row] of rows.entries()) {
    work(valuesOf(row));
    if (index % ROWS_BETWEEN_LOOKS !== 0 || performance.now() - beganMs < TURN_MS) continue;
    await turn();
    beganMs = performance.now();
  }
}
