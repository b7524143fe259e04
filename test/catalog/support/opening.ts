/** A catalog opened on a server without a gateway around it, and a count of the connections that it makes. */
import type { SessionCatalog } from "#sidecar/protocols/postgres/masking.ts";
import type { DatabaseCatalogs } from "#sidecar/protocols/postgres/catalog/catalogs.ts";
import { logIn } from "#sidecar/protocols/postgres/login.ts";
import type { CatalogOpening } from "#sidecar/protocols/postgres/protocol.ts";
import type { UpstreamTarget } from "#sidecar/protocols/protocol.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import { scramProof } from "#core/wire/postgres/scram.ts";
import type { PostgresServer } from "#tools/postgres/server.ts";

export interface Role {
  readonly user?: string;
  readonly password?: string;
  /** What the server says it is. */
  readonly version?: string;
}

export interface Opened {
  readonly opening: CatalogOpening;
  readonly logins: () => number;
}

export function openingFor(server: PostgresServer, role: Role = {}): Opened {
  const password = Buffer.from(role.password ?? server.password);
  const target: UpstreamTarget = {
    connection: {
      metadata: { name: "orders", namespace: "test" },
      spec: {
        protocol: "postgres",
        address: { host: "127.0.0.1", port: server.port },
        tls: { mode: "disable" },
        postgres: { database: "postgres" },
      },
    },
    lease: { lease: "lease", user: role.user ?? "postgres", expiresMs: Infinity },
    prove: (challenge) => {
      const proof = challenge.kind === "scram-sha-256" ? scramProof(challenge, password) : undefined;
      return Promise.resolve(
        proof === undefined ? refusal("CREDENTIAL_REFUSED") : { kind: "scram-sha-256", ...proof },
      );
    },
    sessionMark: "sallyport:side",
  };
  let logins = 0;
  const opening: CatalogOpening = {
    target,
    parameters: new Map([["server_version", role.version ?? `${server.version}.1`]]),
    logIn(signal) {
      logins += 1;
      return logIn(target, new Map([["application_name", "sallyport:side"]]), signal);
    },
  };
  return { opening, logins: () => logins };
}

export async function open(catalogs: DatabaseCatalogs, { opening }: Opened): Promise<SessionCatalog> {
  const catalog = await catalogs.open(opening);
  if (isRefusal(catalog)) throw new Error(catalog.publicText);
  return catalog;
}
