/** A folder of kinds as a person would write it, for one PostgreSQL and one issuer. */
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Issuer } from "#tools/oidc/issuer.ts";

export const AUDIENCE = "urn:sallyport:test";
export const UPSTREAM_PASSWORD = "canary-upstream-5d0c41";

export interface Folders extends Disposable {
  /** All others stand in it. */
  readonly root: string;
  readonly config: string;
  readonly state: string;
  readonly tokenFile: string;
  /** Puts a file of kinds into the folder; JSON is YAML. */
  write(name: string, ...kinds: readonly object[]): void;
  remove(name: string): void;
  /** Gives everything to the broker's user, where that is not ours. */
  handOver(uid: number, gid: number): void;
}

export function makeFolders(): Folders {
  const root = mkdtempSync(join(tmpdir(), "sallyport-gateway-"));
  const [config, state] = [join(root, "config"), join(root, "state")];
  for (const folder of [config, state]) mkdirSync(folder, { mode: 0o700 });
  return {
    root,
    config,
    state,
    tokenFile: join(root, "token"),
    write: (name, ...kinds) => {
      const text = kinds.map((kind) => JSON.stringify(kind)).join("\n---\n");
      // As editors and deployments do: a reader meets the old file or the new one.
      writeFileSync(join(config, `.${name}.new`), text);
      renameSync(join(config, `.${name}.new`), join(config, name));
    },
    handOver: (uid, gid) => {
      chmodSync(root, 0o755);
      for (const path of readdirSync(root, { recursive: true, encoding: "utf8" }))
        chownSync(join(root, path), uid, gid);
    },
    remove: (name) => rmSync(join(config, name)),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

const kind = (name: string, metadata: object, spec: object): object => ({
  apiVersion: "sallyport.dev/v1alpha1",
  kind: name,
  metadata,
  spec,
});

export const provider = ({ issuer }: Issuer): object =>
  kind("IdentityProvider", { name: "test" }, { issuer, audiences: [AUDIENCE] });

export const connection = (port: number, passwordFile: string, more: object = {}): object =>
  kind(
    "Connection",
    { namespace: "shop", name: "orders" },
    {
      protocol: "postgres",
      address: { host: "127.0.0.1", port },
      tls: { mode: "disable" },
      credential: { mode: "static", source: { file: { path: passwordFile } } },
      postgres: { database: "postgres", user: "orders_agent" },
      ...more,
    },
  );

export const READER = { name: "read", postgres: { preset: "readOnly", tables: ["public.*"] } };

export const policy = (more: object = {}, name = "agents"): object =>
  kind(
    "SecretAccessPolicy",
    { namespace: "shop", name },
    {
      subjects: [{ oidc: { provider: "test", claims: { sub: "agent" } } }],
      connections: { names: ["orders"] },
      allow: [READER],
      ...more,
    },
  );

export const gateway = (...listeners: readonly object[]): object =>
  kind("Gateway", { name: "host" }, { listeners });

export const listener = (more: object): object => ({
  name: "agents",
  connection: { namespace: "shop", name: "orders" },
  ...more,
});
