/** What can come back from an API server instead of an answer, as one type. */

export interface KubeErrorFields {
  /** The HTTP status; 0 when there was no answer. */
  readonly status: number;
  /** The API server's own word for it (`Conflict`, `Expired`, …), or one of ours: `Unreachable`, `DeadlineExceeded`, `Unreadable`. */
  readonly reason: string;
  readonly message: string;
  readonly retryAfterMs?: number | undefined;
  readonly cause?: unknown;
}

export class KubeError extends Error {
  override readonly name = "KubeError";
  readonly status: number;
  readonly reason: string;
  readonly retryAfterMs: number | undefined;

  constructor(fields: KubeErrorFields) {
    super(fields.message, fields.cause === undefined ? {} : { cause: fields.cause });
    this.status = fields.status;
    this.reason = fields.reason;
    this.retryAfterMs = fields.retryAfterMs;
  }

  /** For the log, which takes an error's code. */
  get code(): string {
    return this.status === 0 ? this.reason : `${this.status} ${this.reason}`;
  }
}

/** A watch that starts before what the API server remembers: in the status of an answer, or as an event of one that began well. */
export function isGone(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === "Expired");
}

export function isConflict(error: unknown): boolean {
  return error instanceof KubeError && error.status === 409 && error.reason !== "AlreadyExists";
}

export function isAlreadyThere(error: unknown): boolean {
  return error instanceof KubeError && error.reason === "AlreadyExists";
}

export function isNotFound(error: unknown): boolean {
  return error instanceof KubeError && error.status === 404;
}

export function brokenOff(): KubeError {
  const message = "the connection ended in the middle of an answer";
  return new KubeError({ status: 0, reason: "Unreachable", message });
}

const RETRY_AFTER_MS_MAX = 60_000;

/** From a `Status` object, which is what every refusal of an API server is, or from whatever else a proxy put there. */
export function kubeError(httpStatus: number, body: unknown, retryAfter?: string): KubeError {
  const status = isRecord(body) ? body : {};
  const details = isRecord(status["details"]) ? status["details"] : {};
  const seconds = Number(retryAfter ?? details["retryAfterSeconds"]);
  return new KubeError({
    status: typeof status["code"] === "number" ? status["code"] : httpStatus,
    reason: typeof status["reason"] === "string" && status["reason"] !== "" ? status["reason"] : "Unknown",
    message:
      typeof status["message"] === "string" ? status["message"] : `the API server answered ${httpStatus}`,
    retryAfterMs: seconds > 0 ? Math.min(seconds * 1_000, RETRY_AFTER_MS_MAX) : undefined,
  });
}

export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
