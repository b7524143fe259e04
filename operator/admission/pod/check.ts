import type { Check } from "./contract.ts";
import { judge } from "./judge.ts";
import { oversize } from "./size.ts";
import { wholeView } from "./view.ts";

export const check: Check = (pod, facts, settings) => {
  const large = oversize(pod);
  return large.length > 0 ? large : judge(wholeView(pod, facts, settings));
};
