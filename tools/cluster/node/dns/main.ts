/** The cluster's DNS as a program of the node: `node main.ts SETTINGS.json`. */
import { readFileSync } from "node:fs";
import { type ApiAccess, clusterOf } from "./cluster.ts";
import { resolve } from "./names.ts";
import { serveDns } from "./server.ts";

export interface DnsSettings {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  readonly api: ApiAccess;
  /** `{"outside.test": ["10.200.0.1"]}`; read at each question about a name outside of the cluster. */
  readonly outsideFile: string;
}

const settings = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as DnsSettings;
const cluster = clusterOf(settings.api, settings.outsideFile);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
await serveDns({ ...settings, say }, (question) => resolve(question, cluster, settings.domain));
say("ready");
