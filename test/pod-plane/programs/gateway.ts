/** The gateway of a pod with all that is in it, but for the way to its broker, which is a socket here. */
import { randomBytes } from "node:crypto";
import { openLog } from "#runtime/log.ts";
import { ownPlace } from "#sidecar/pod/inherited.ts";
import { openPodGateway } from "#sidecar/pod/pod.ts";
import { readSettings } from "#sidecar/pod/settings.ts";
import { unixCarrier } from "#sidecar/uplink/carrier.ts";
import { Uplink } from "#sidecar/uplink/uplink.ts";

const [portPath = "", state = "", ca = ""] = process.argv.slice(2);
const settings = readSettings(process.env);
if (!("pod" in settings)) throw new Error(settings.join("; "));
const log = openLog({ write: (line) => process.stderr.write(line), nowMs: Date.now, level: "info" });
const uplink = new Uplink({
  carrier: unixCarrier(portPath),
  worker: settings.pod.uid,
  run: randomBytes(16).toString("base64url"),
  log,
  chance: Math.random,
});
const gateway = await openPodGateway({
  settings,
  paths: { token: "", state, ca },
  place: ownPlace,
  uplink,
  log,
  // Both are started by the test, on a machine that does other things too.
  planMsMax: 60_000,
});
process.once("SIGTERM", () => void gateway.stop());
