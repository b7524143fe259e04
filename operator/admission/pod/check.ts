import type { Check } from "./contract.ts";
import { judge } from "./judge.ts";
import { wholeView } from "./view.ts";

export const check: Check = (pod, facts, settings) => judge(wholeView(pod, facts, settings));
