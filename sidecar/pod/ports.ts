/** Where the gateway of a pod listens. `gw-init`'s rules lead there; a test holds both, and the operator's names, to each other. */
export const CAPTURE_PORT = 15_001;
export const DNS_PORT = 15_053;
export const HEALTH_PORT = 15_021;

/** Redirected connections arrive at loopback; whatever arrives elsewhere was not redirected. */
export const LOOPBACKS = ["127.0.0.1", "::1"] as const;

/** A pod may have no IPv6, or no loopback address of it: then nothing can be redirected there either. */
export function isWithoutAddress(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT";
}
