/** All traps, on one version. */
import { after, before, describe } from "node:test";
import type { PostgresVersion } from "#tools/postgres/binaries.ts";
import { skipWithoutPostgres } from "#test/support/postgres.ts";
import { loginTraps } from "../live/login.ts";
import { maskTraps } from "../live/masks.ts";
import { nameTraps } from "../live/names.ts";
import { pipelineTraps } from "../live/pipelines.ts";
import { startupTraps } from "../live/startup.ts";
import { wordTraps } from "../live/words.ts";
import { codeTraps } from "../live/code.ts";
import { originTraps } from "../live/origins.ts";
import { openStage, type Stage } from "./stage.ts";

/** `"versioned"`: those that differ from one version to the next, which must not wait for `make e2e`. */
export function onTraps(version: PostgresVersion, which: "all" | "versioned"): void {
  describe(`traps on ${version}`, { skip: skipWithoutPostgres(version) }, () => {
    let stage: Stage | undefined;
    before(async () => {
      stage = await openStage(version);
    });
    after(() => stage?.[Symbol.asyncDispose]());
    const there = (): Stage => {
      if (stage === undefined) throw new Error("the server did not start");
      return stage;
    };

    startupTraps(there);
    nameTraps(there);
    if (which === "versioned") return;
    loginTraps(there);
    pipelineTraps(there);
    maskTraps(there);
    wordTraps(there);
    codeTraps(there);
    originTraps(there);
  });
}
