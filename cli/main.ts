#!/usr/bin/env node
import { SALLYPORT, commands } from "./commands.ts";
import { runProgram } from "./program.ts";

await runProgram({ program: SALLYPORT, commands });
