/** Whether a session gets one and the same decision whatever it asks, so that nothing of a request has to be known for it. */
import type { CompiledRule, ConnectionPlan } from "./plan.ts";
import type { SelectedLink, Selection } from "./selection.ts";
import { familyOf } from "./protocols/table.ts";

/**
 * At every link the rule that is asked first forwards everything; no rule refuses or asks, no policy is on trial, nothing is
 * masked. Then what names mean changes neither the decision nor which rule it is put down to.
 */
export function passesAll({ protocol, brokenBy }: ConnectionPlan, { links }: Selection): boolean {
  const { forwardsAll } = familyOf(protocol);
  return (
    brokenBy.length === 0 &&
    links.length > 0 &&
    links.every((link) => {
      const first = firstGrant(link, protocol);
      return first !== undefined && forwardsAll(first.matcher) && hasNothingElse(link, protocol);
    })
  );
}

function firstGrant(
  { enforcing, role }: SelectedLink,
  protocol: ConnectionPlan["protocol"],
): CompiledRule | undefined {
  return enforcing.flatMap(({ protocols }) => protocols[protocol].grants[role].all)[0];
}

function hasNothingElse(
  { enforcing, observing }: SelectedLink,
  protocol: ConnectionPlan["protocol"],
): boolean {
  return (
    observing.length === 0 &&
    enforcing.every(({ protocols }) => {
      const { deny, ask, mask } = protocols[protocol];
      return deny.all.length + ask.all.length + mask.length === 0;
    })
  );
}
