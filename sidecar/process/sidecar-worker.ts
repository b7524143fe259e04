/** The program of a data plane worker. */
import { runWorker } from "./worker.ts";

runWorker(process, (line) => process.stderr.write(line));
