/** The rules and masks of a policy, sorted by protocol and effect. */
import type { PolicyId } from "#core/api/loaded.ts";
import { canonicalJson } from "./hash.ts";
import type { CompiledRule, KeyedMask, LinkRole, ProtocolRules } from "./plan.ts";
import type { ProtocolName, RuleEffect, RuleFamily } from "./protocols/family.ts";
import { PROTOCOL_NAMES, familyOf } from "./protocols/table.ts";
import { ruleList } from "./rule-list.ts";
import { type Fields, type Report, join, readChoice, readFields, readList, readText } from "./shape.ts";

type PendingRule = Omit<CompiledRule, "ref"> & { readonly name: string; readonly block: unknown };
type PendingRules = Record<RuleEffect, PendingRule[]> & { readonly mask: KeyedMask[] };

/** Gives the rules once the policy's hash is known; of no use when something was reported. */
export function readRules(
  spec: Fields,
  id: PolicyId,
  report: Report,
): (hash: string) => Record<ProtocolName, ProtocolRules> {
  const pending = perProtocol((): PendingRules => ({ allow: [], deny: [], ask: [], mask: [] }));
  for (const effect of ["allow", "deny", "ask"] as const) {
    readList(spec[effect], `spec.${effect}`, report).forEach((entry, index) => {
      const place = { effect, path: `spec.${effect}[${index}]` };
      for (const { protocol, ...rule } of readRule(entry, place, id, report))
        pending[protocol][effect].push(rule);
    });
  }
  readList(spec["mask"], "spec.mask", report).forEach((entry, index) => {
    readMask(entry, `spec.mask[${index}]`, report, pending);
  });
  return (hash) =>
    perProtocol((protocol) => {
      const { mask, ...rules } = pending[protocol];
      const finish = (effect: RuleEffect): CompiledRule[] => finishRules(rules[effect], effect, id, hash);
      return protocolRules(familyOf(protocol), finish, id.kind === "ClusterSecretAccessPolicy", mask);
    });
}

function protocolRules(
  family: RuleFamily,
  finish: (effect: RuleEffect) => readonly CompiledRule[],
  isGuardrail: boolean,
  mask: readonly KeyedMask[],
): ProtocolRules {
  const ask = finish("ask");
  // A guardrail's ask only ever turns an allow into a question.
  const permitting = isGuardrail ? [] : [...finish("allow"), ...ask];
  const uses = permitting.filter((rule) => isUsable(rule, "uses"));
  const handsOn = permitting.filter((rule) => isUsable(rule, "hands on"));
  const usesList = ruleList(uses, family);
  // Where everything is `delegate: also`, one list serves both.
  const isShared = uses.length === permitting.length && handsOn.length === permitting.length;
  return {
    deny: ruleList(finish("deny"), family),
    ask: ruleList(ask, family),
    grants: { uses: usesList, "hands on": isShared ? usesList : ruleList(handsOn, family) },
    permitting,
    mask,
  };
}

/** `no` may be used and not handed on, `only` may be handed on and not used, `also` both. */
export function isUsable({ delegate }: Pick<CompiledRule, "delegate">, role: LinkRole): boolean {
  return role === "uses" ? delegate !== "only" : delegate !== "no";
}

/** One for each protocol that the rule speaks of. */
function readRule(
  value: unknown,
  { effect, path }: { readonly effect: RuleEffect; readonly path: string },
  id: PolicyId,
  report: Report,
): (PendingRule & { readonly protocol: ProtocolName })[] {
  const delegates = effect !== "deny" && id.kind === "SecretAccessPolicy";
  const known = ["name", "reason", ...(delegates ? ["delegate"] : []), ...PROTOCOL_NAMES];
  const fields = readFields(value, known, path, report);
  const name = readText(fields["name"], join(path, "name"), report);
  const reason = readText(fields["reason"], join(path, "reason"), report);
  const delegate =
    readChoice(fields["delegate"], ["no", "also", "only"], join(path, "delegate"), report) ?? "no";
  if (name === undefined) report(join(path, "name"), "is missing");
  return spokenProtocols(fields, path, report).flatMap((protocol) => {
    const block = fields[protocol];
    const matcher = familyOf(protocol).compileRule(block, effect, join(path, protocol), report);
    if (matcher === undefined || name === undefined) return [];
    return [{ protocol, name, reason, delegate, matcher, block }];
  });
}

function spokenProtocols(fields: Fields, path: string, report: Report): readonly ProtocolName[] {
  const spoken = PROTOCOL_NAMES.filter((protocol) => fields[protocol] !== undefined);
  if (spoken.length === 0) report(path, `must hold a block of a protocol: ${PROTOCOL_NAMES.join(", ")}`);
  return spoken;
}

function readMask(
  value: unknown,
  path: string,
  report: Report,
  into: Record<ProtocolName, PendingRules>,
): void {
  const fields = readFields(value, ["action", ...PROTOCOL_NAMES], path, report);
  const action =
    readChoice(fields["action"], ["redact", "nullify"], join(path, "action"), report) ?? "redact";
  for (const protocol of spokenProtocols(fields, path, report)) {
    const targets = familyOf(protocol).compileMask(fields[protocol], join(path, protocol), report);
    for (const target of targets) {
      const key = JSON.stringify([target.schema, target.table, target.column]);
      into[protocol].mask.push({ key, mask: { ...target, action } });
    }
  }
}

/** Sorted by name, so that the order in the file never decides which rule is named. */
function finishRules(
  rules: readonly PendingRule[],
  effect: RuleEffect,
  { kind, namespace, name: policy }: PolicyId,
  hash: string,
): CompiledRule[] {
  return rules
    .toSorted((a, b) => compareTexts(a.name, b.name) || compareTexts(contentOf(a), contentOf(b)))
    .map(({ name: rule, reason, delegate, matcher }) => ({
      ref: { kind, ...(namespace === undefined ? {} : { namespace }), policy, hash, effect, rule },
      reason,
      delegate,
      matcher,
    }));
}

/** Names are unique in a policy that the schema has seen; where they are not, the content decides and not the order. */
function contentOf({ reason, delegate, block }: PendingRule): string {
  return canonicalJson([reason ?? "", delegate, block]);
}

export function compareTexts(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function perProtocol<Value>(make: (protocol: ProtocolName) => Value): Record<ProtocolName, Value> {
  return Object.fromEntries(PROTOCOL_NAMES.map((protocol) => [protocol, make(protocol)])) as Record<
    ProtocolName,
    Value
  >;
}
