/** Bounds of the admission port. Whoever reaches it may send anything; a whole cluster waits for what is behind it. */
export interface AdmissionLimits {
  readonly bodyBytes: number;
  readonly bodyBytesInFlight: number;
  readonly reviewsInFlight: number;
  readonly connections: number;
  /** From the opening of a connection, or the first byte of a later request, to the end of its head. */
  readonly headMs: number;
  /** From there to the end of the body. */
  readonly bodyMs: number;
  readonly handshakeMs: number;
  readonly idleMs: number;
  readonly deadlineMs: number;
}

const MEBIBYTE = 1_048_576;

export const ADMISSION_LIMITS: AdmissionLimits = {
  // The API server takes objects of 3 MiB, and the review of an update holds two of them.
  bodyBytes: 7 * MEBIBYTE,
  // Of these three, half is the most for any one address: see shares.ts.
  bodyBytesInFlight: 32 * MEBIBYTE,
  reviewsInFlight: 256,
  connections: 512,
  // API servers open connections ahead of need, and may leave one unused for as long as one that has been used.
  headMs: 120_000,
  bodyMs: 4_000,
  handshakeMs: 5_000,
  // Longer than the 90 s after which the API server drops an idle connection: it is never ours that ends under a request.
  idleMs: 120_000,
  // The webhooks are registered with 5 s: an answer that explains itself has to be there before.
  deadlineMs: 4_000,
};

/** What the API server waits, as it says itself (`?timeout=5s`). */
const WAITS = /^(?:(\d{1,3})m)?(\d{1,3})s$/;
/** Of that time we take as much; the rest is the way. */
const PART_TAKEN = 0.8;

export function deadlineFor(query: unknown, limitMs: number): number {
  const timeout =
    typeof query === "object" && query !== null && "timeout" in query ? query.timeout : undefined;
  const [, minutes = "0", seconds] = typeof timeout === "string" ? (WAITS.exec(timeout) ?? []) : [];
  if (seconds === undefined) return limitMs;
  return Math.min(limitMs, (Number(minutes) * 60 + Number(seconds)) * 1_000 * PART_TAKEN);
}
