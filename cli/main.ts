#!/usr/bin/env node
import { commands } from "./commands.ts";
import { processIo } from "./frame/io.ts";
import { run } from "./frame/run.ts";

// Setting the code instead of exiting lets a slow reader of the pipe get all of it.
process.exitCode = await run(commands, process.argv.slice(2), processIo());
