import { ACTIVE } from "./active.ts";
import { BULK_PLAIN, BULK_REDACTED } from "./bulk.ts";
import { CONNECT } from "./connect.ts";
import { IDLE } from "./idle.ts";
import { LATENCY_PREPARED, LATENCY_SIMPLE, LATENCY_STRICT } from "./latency.ts";
import { PROCESSOR_PREPARED, PROCESSOR_SIMPLE } from "./processor.ts";
import type { Row } from "./row.ts";
import { THROUGHPUT } from "./throughput.ts";

/** In the order in which they are measured. */
export const ROWS: readonly Row[] = [
  LATENCY_SIMPLE,
  LATENCY_PREPARED,
  LATENCY_STRICT,
  PROCESSOR_SIMPLE,
  PROCESSOR_PREPARED,
  THROUGHPUT,
  BULK_PLAIN,
  BULK_REDACTED,
  CONNECT,
  ACTIVE,
  IDLE,
];
