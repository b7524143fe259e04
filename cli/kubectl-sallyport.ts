#!/usr/bin/env node
/** `kubectl sallyport`: kubectl runs what is called so and found in PATH. */
import { KUBECTL_SALLYPORT, clusterCommands } from "./cluster/commands.ts";
import { runProgram } from "./program.ts";

/** By default they would end us without the end of what we have started. */
const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
for (const [signal, number] of Object.entries(SIGNALS))
  process.once(signal, () => process.exit(128 + number));

await runProgram({ program: KUBECTL_SALLYPORT, commands: clusterCommands });
