/**
 * Where a gateway's time goes: `node bench/profile.ts [--what=simple|prepared|strict|bulk-plain|bulk-redacted] [--of=worker|broker]
 * [--seconds=5] [--top=25]`. The process is asked through the inspector that Node.js opens on a signal, so it runs with the very flags of
 * a gateway.
 */
import { parseArgs } from "node:util";
import { GATEWAYS } from "./performance/kinds.ts";
import { openProbe } from "./performance/probe.ts";
import { openWorld } from "./performance/world.ts";
import { printProfile } from "./profile/frames.ts";
import { isActivity, isProgram, takeProfile, targetFor } from "./profile/take.ts";

const { values } = parseArgs({
  options: {
    what: { type: "string", default: "simple" },
    of: { type: "string", default: "worker" },
    seconds: { type: "string", default: "5" },
    top: { type: "string", default: "25" },
  },
});
const { what: activity, of: program } = values;
if (!isActivity(activity)) throw new Error(`--what=${activity} is none of what can be profiled`);
if (!isProgram(program)) throw new Error(`--of=${program} is neither worker nor broker`);
await using world = await openWorld([GATEWAYS.one]);
const probe = await openProbe(world.signIn);
const gateway = targetFor(activity, world.targets, GATEWAYS.one.name);
if (gateway === undefined) throw new Error("no gateway was started");
const profile = await takeProfile(probe, gateway, { activity, program, seconds: Number(values.seconds) });
process.stdout.write(printProfile(profile, Number(values.top)));
