/**
 * A broker process with a real trail behind a real port, to be killed: `node broker-process.ts DIRECTORY`. It begins when
 * something is said to it, so that the next one can be loaded while this one runs.
 */
import { once } from "node:events";
import { join } from "node:path";
import { servePort } from "#broker/api/serve.ts";
import { realDisk } from "#broker/trail/real-disk.ts";
import { trailPort } from "./trail-port.ts";
import { trailOn } from "./support.ts";

const [directory = ""] = process.argv.slice(2);
process.stdout.write("loaded\n");
await once(process.stdin, "data");
const trail = await trailOn(realDisk, directory, { nowMs: () => Date.now(), segmentBytesMax: 256 * 1024 });
await servePort({
  path: join(directory, "port", "broker.sock"),
  attach: () => trailPort(trail),
  note: (name, fields) => process.stderr.write(`${name} ${JSON.stringify(fields)}\n`),
});
process.stdout.write("ready\n");
