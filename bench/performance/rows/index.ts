import { BULK_PLAIN, BULK_REDACTED } from "./bulk.ts";
import { LATENCY_PREPARED, LATENCY_SIMPLE, LATENCY_STRICT } from "./latency.ts";
import { PROCESSOR_PREPARED, PROCESSOR_SIMPLE } from "./processor.ts";
import type { Row } from "./row.ts";

/** In the order in which they are measured. */
export const ROWS: readonly Row[] = [
  LATENCY_SIMPLE,
  LATENCY_PREPARED,
  LATENCY_STRICT,
  PROCESSOR_SIMPLE,
  PROCESSOR_PREPARED,
  BULK_PLAIN,
  BULK_REDACTED,
];
