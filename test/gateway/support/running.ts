/** The real program in front of a real PostgreSQL, with kinds that a person would write. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { sharedIssuer, sharedUpstream } from "./in-process.ts";
import {
  AUDIENCE,
  type Folders,
  UPSTREAM_PASSWORD,
  connection,
  gateway,
  listener,
  makeFolders,
  policy,
  provider,
} from "./kinds.ts";
import { BROKER_UID, type RunningGateway, SHARED_GID, isRoot, startGateway } from "./processes.ts";

const SLEEPER = {
  name: "wait",
  postgres: { preset: "readOnly", tables: ["public.*"], functions: ["pg_catalog.pg_sleep"] },
};

export async function prepared(...listeners: readonly object[]): Promise<Folders> {
  const [issuer, upstream] = await Promise.all([sharedIssuer(), sharedUpstream()]);
  const folders = makeFolders();
  const passwordFile = join(folders.root, "password");
  writeFileSync(passwordFile, UPSTREAM_PASSWORD, { mode: 0o600 });
  writeFileSync(folders.tokenFile, await issuer.issue("agent", AUDIENCE), { mode: 0o600 });
  folders.write("identity.yaml", provider(issuer));
  folders.write("connection.yaml", connection(upstream.port, passwordFile));
  folders.write("policies.yaml", policy({ allow: [SLEEPER] }));
  const { tokenFile } = folders;
  const standard = listener({
    address: { host: "127.0.0.1", port: 0 },
    identity: { ambient: { tokenFile } },
  });
  folders.write("gateway.yaml", gateway(...(listeners.length === 0 ? [standard] : listeners)));
  if (isRoot) folders.handOver(BROKER_UID, SHARED_GID);
  return folders;
}

export interface Running extends AsyncDisposable {
  readonly folders: Folders;
  readonly gateway: RunningGateway;
  readonly port: number;
}

export async function running(workers: number, options: readonly string[] = []): Promise<Running> {
  const folders = await prepared();
  const started = await startGateway({
    config: folders.config,
    data: join(folders.root, "data"),
    workers,
    options,
  });
  return {
    folders,
    gateway: started,
    port: started.ports.get("agents") ?? 0,
    [Symbol.asyncDispose]: async () => {
      await started[Symbol.asyncDispose]();
      folders[Symbol.dispose]();
    },
  };
}
