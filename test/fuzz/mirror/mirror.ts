/** The fuzzer in memory: random clients, random schedules, tens of thousands of cases. */
import { openAnalyst } from "#sidecar/statements/analyst.ts";
import type { Fuzzer, Player } from "../fuzzer.ts";
import { turns } from "../generate.ts";
import type { Random } from "../random.ts";
import { modelledText } from "../texts.ts";
import { loadEngine } from "./engine.ts";
import { type MirrorCase, MirrorPlay, STOCK } from "./play.ts";

const HABITS = { text: modelledText, turnsMax: 4, stepsMax: 5, isTidy: false };

export const mirror: Fuzzer<MirrorCase> = {
  name: "mirror",
  what: "the engine before a model of PostgreSQL, beside the model alone",
  share: 4,
  generate: (random: Random) => ({
    chance: random.below(2 ** 31),
    masks: random.once(2),
    late: random.once(8),
    unasked: random.once(4),
    waits: random.once(4),
    full: random.once(6),
    reports: random.once(2),
    turns: turns(random, HABITS),
  }),
  async open(defect): Promise<Player<MirrorCase>> {
    const modules = await loadEngine(defect);
    const analyst = openAnalyst();
    // Once the parser is there, answers come at once.
    await analyst.analyse("select 1", STOCK);
    return {
      play: (each) => new MirrorPlay(each, modules, (text, context) => analyst.analyse(text, context)).play(),
      [Symbol.asyncDispose]: () => analyst[Symbol.asyncDispose](),
    };
  },
};
