/** The cluster's DNS as a program of the node: `node main.ts SETTINGS.json`. */
import { readFileSync } from "node:fs";
import { clusterOf } from "./cluster.ts";
import { resolve } from "./names.ts";
import { serveDns } from "./server.ts";
import { DNS_READY, type DnsSettings } from "./settings.ts";

const settings = JSON.parse(readFileSync(process.argv[2] ?? "", "utf8")) as DnsSettings;
const cluster = clusterOf(settings.api, settings.outsideFile);
const say = (line: string): void => void process.stderr.write(`${line}\n`);
await serveDns({ ...settings, say }, (question) => resolve(question, cluster, settings.domain));
say(DNS_READY);
