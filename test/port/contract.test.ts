import { directCall, unixSocket } from "./carriers.ts";
import { mutualTls } from "./tls.ts";
import { type OpenCarrier, portContract } from "./contract.ts";

const CARRIERS: Readonly<Record<string, OpenCarrier>> = {
  "a function call": directCall,
  "a unix socket": unixSocket,
  "mutual TLS": mutualTls,
};

for (const [name, open] of Object.entries(CARRIERS)) portContract(name, open);
