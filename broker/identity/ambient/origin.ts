/** Where the token of a listener's one subject comes from. One file per origin, one row each in `index.ts`. */
import type { SecretBytes } from "#core/values/secret.ts";
import type { Environment } from "../../environment.ts";
import type { HttpGet } from "../http.ts";

export interface OriginDeps {
  readonly environment: Environment;
  readonly get: HttpGet;
}

/** Says in words fit for a log, and for whoever runs the gateway, why there is no token. */
export class NoToken extends Error {
  override readonly name = "NoToken";
}

export interface TokenOrigin {
  /** A token as new as the origin has one, for the caller to wipe; throws `NoToken`. Ends within
   * its own time limit. */
  fetch(): Promise<SecretBytes>;
  /** False where asking is cheap and always tells the newest: nothing is kept then. */
  readonly isWorthKeeping: boolean;
}
