/** The program of the broker. */
import { runBroker } from "./process.ts";

runBroker(process as Parameters<typeof runBroker>[0], process.env, (line) => process.stderr.write(line));
