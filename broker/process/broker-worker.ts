/** The program of the broker. */
import { runBroker } from "./process.ts";

runBroker(process, process.env, (line) => process.stderr.write(line));
