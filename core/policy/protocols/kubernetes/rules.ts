/** The row of Kubernetes in the table of protocols. */
import type { RuleFamily } from "../family.ts";
import { type Act, type KubernetesRequest, isKubernetesRequest } from "./acts.ts";
import { type Matcher, compileMatcher, covers, isImplied, touches } from "./matcher.ts";
import { EVERY } from "./patterns.ts";
import { whyClosed } from "./sensitive.ts";
import { say, whyNotCovered, whyTouched } from "./words.ts";

export const kubernetes: RuleFamily<KubernetesRequest, Matcher, Act> = {
  compileRule: compileMatcher,
  compileMask(_block, path, report) {
    report(path, "nothing is masked in what a Kubernetes API answers");
    return [];
  },
  isRequest: isKubernetesRequest,
  demands: ({ acts }) => acts,
  keysOfRule({ resources, paths }) {
    if (resources === undefined || paths !== undefined) return undefined;
    const keys = resources.map(({ resource, group }) => keyOf(resource, group));
    return resources.some(({ resource, group }) => resource === EVERY || group === EVERY) ? undefined : keys;
  },
  keysOfDemand(act) {
    if (act.kind === "doubt") return undefined;
    // What is no resource only rules without keys speak of.
    return act.kind === "resource" ? [keyOf(act.resource, act.group)] : [];
  },
  covers,
  // What nobody understood passes no rule.
  forwardsAll: () => false,
  canBeVouched: () => false,
  vouches: () => false,
  touches,
  closesSession: ({ whole }) => whole,
  isImplied,
  doubtOf: (act) => (act.kind === "doubt" ? say(act) : undefined),
  say,
  whyClosed,
  whyNotCovered,
  whyTouched,
};

function keyOf(resource: string, group: string): string {
  return `${resource}.${group}`;
}
