/** The part of oidc-provider that is used here; the package ships no types of its own. */
declare module "oidc-provider" {
  import type { RequestListener } from "node:http";

  export class Provider {
    constructor(issuer: string, configuration: Readonly<Record<string, unknown>>);
    callback(): RequestListener;
    on(event: "server_error", listener: (context: unknown, error: Error) => void): this;
  }
}
