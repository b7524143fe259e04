/** What the cluster's DNS is started with, and how it says that it answers. */
import type { ApiAccess } from "./cluster.ts";

export interface DnsSettings {
  readonly address: string;
  readonly port: number;
  readonly domain: string;
  readonly api: ApiAccess;
  /** `{"outside.test": ["10.200.0.1"]}`; read at each question about a name outside of the cluster. */
  readonly outsideFile: string;
}

export const DNS_READY = "answering";
