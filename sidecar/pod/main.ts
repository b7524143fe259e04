/** The program of the gateway in a pod. It is the first process of its container, so signals end it only because it says so. */
import { errorFields, openLog } from "#runtime/log.ts";
import { loadSockets } from "#runtime/native/sockets.ts";
import { inheritedPlaces } from "./inherited.ts";
import { openPodGateway } from "./pod.ts";
import { PATHS } from "./paths.ts";
import { readSettings } from "./settings.ts";
import { uplinkOf } from "./uplink.ts";

/** By convention of sysexits(3). */
const EX_CONFIG = 78;

process.exitCode = await run();

async function run(): Promise<number> {
  const told = Promise.withResolvers<void>();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => told.resolve());
  const log = openLog({ write: (line) => process.stderr.write(line), nowMs: Date.now, level: "info" });
  const settings = readSettings(process.env);
  if (!("pod" in settings)) {
    for (const problem of settings) log.error(problem);
    return EX_CONFIG;
  }
  const { pod, broker, resolvers } = settings;
  const ofPod = log.with({ pod: `${pod.namespace}/${pod.name}`, podUid: pod.uid, node: pod.node });
  try {
    loadSockets();
    const gateway = await openPodGateway({
      settings,
      paths: PATHS,
      place: inheritedPlaces(process.env, process.pid),
      uplink: uplinkOf(settings, ofPod),
      log: ofPod,
    });
    ofPod.info("started", { broker: `${broker.host}:${broker.port}`, resolvers: resolvers.join(" ") });
    await told.promise;
    await gateway.stop();
    ofPod.info("stopped");
    return 0;
  } catch (error) {
    ofPod.error("the gateway cannot run", errorFields(error));
    return 1;
  }
}
