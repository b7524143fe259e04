import { directCall, unixSocket } from "./carriers.ts";
import { type OpenCarrier, portContract } from "./contract.ts";

const CARRIERS: Readonly<Record<string, OpenCarrier>> = {
  "a function call": directCall,
  "a unix socket": unixSocket,
};

for (const [name, open] of Object.entries(CARRIERS)) portContract(name, open);
