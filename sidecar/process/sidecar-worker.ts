/** The program of a data plane worker. */
import { runWorker } from "./worker.ts";

runWorker(process as Parameters<typeof runWorker>[0], (line) => process.stderr.write(line));
