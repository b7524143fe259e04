/** The row of opaque relays in the table of protocols: there is one thing to permit, and that is connecting. */
import { readFields } from "../../shape.ts";
import type { RuleFamily } from "../family.ts";

export interface TcpRequest {
  readonly protocol: "tcp";
}

type Matcher = "connecting";
type Demand = "connect";

export const tcp: RuleFamily<TcpRequest, Matcher, Demand> = {
  compileRule(block, _effect, path, report) {
    let broken = false;
    readFields(block, [], path, (at, message) => {
      broken = true;
      report(at, message);
    });
    return broken ? undefined : "connecting";
  },
  compileMask(_block, path, report) {
    report(path, "there is nothing to mask in bytes that are relayed as they are");
    return [];
  },
  isRequest: (value): value is TcpRequest =>
    typeof value === "object" && value !== null && "protocol" in value && value.protocol === "tcp",
  demands: () => ["connect"],
  keysOfRule: () => undefined,
  keysOfDemand: () => undefined,
  covers: () => true,
  forwardsAll: () => true,
  canBeVouched: () => false,
  vouches: () => false,
  touches: () => "hit",
  closesSession: () => true,
  isImplied: () => false,
  doubtOf: () => undefined,
  say: () => "connecting",
  whyClosed: () => undefined,
  whyNotCovered: () => [],
  whyTouched: () => "it speaks of every connection",
};
