/** psql, unchanged: what it prints is what it saw. */
import { execFileSync } from "node:child_process";
import { type Features, run } from "./common.ts";
import { asking } from "./psql-asking.ts";
import { connecting } from "./psql-connecting.ts";
import { ending } from "./psql-ending.ts";

const features: Features = { ...connecting, ...asking, ...ending };
await run(execFileSync("psql", ["--version"], { encoding: "utf8" }).trim(), features);
