/** An explanation for machines; the shape is documented in docs/command-line.md. */
import { statementsOf } from "#core/policy/protocols/postgres/request.ts";
import type { Decision, RuleRef } from "#core/policy/decision.ts";
import type { DemandExplanation, RuleNote } from "#core/policy/explain.ts";
import type { Configuration } from "../configuration.ts";
import { placeOfRule } from "../rules.ts";
import type { Answer } from "./answer.ts";
import { writeAncestor, writeSubject } from "./subject.ts";

export function answerDocument({ question, request, explanation, configuration }: Answer): object {
  const { decision, links, closedBy, notSelecting, notSelectingOmitted } = explanation;
  const place = (rule: RuleRef): object => ({ ...rule, ...placeOfRule(rule, configuration) });
  return {
    question: {
      subject: writeSubject(question.caller.identity),
      ancestors: question.caller.ancestors.map(writeAncestor),
      connection: question.connection,
      at: new Date(question.nowMs).toISOString(),
      searchPath: question.searchPath,
    },
    decision: decisionDocument(decision, configuration),
    statements: statementsOf(request).map((statement) => ({
      class: statement.class,
      accesses: statement.accesses,
      calls: statement.calls,
      doubts: statement.doubts,
    })),
    links: links.map((link) => ({
      ...link,
      demands: link.demands.map((demand) => demandDocument(demand, place)),
    })),
    closedBy,
    notSelecting,
    notSelectingOmitted,
    assumed: { catalog: "stock", serverVersion: question.serverVersion },
  };
}

function decisionDocument({ validUntilMs, by, ...rest }: Decision, configuration: Configuration): object {
  return {
    ...rest,
    ...(by && { by: { ...by, ...placeOfRule(by, configuration) } }),
    // No time stands for "as long as these policies do".
    validUntil: Number.isFinite(validUntilMs) ? new Date(validUntilMs).toISOString() : null,
  };
}

function demandDocument(demand: DemandExplanation, place: (rule: RuleRef) => object): object {
  const note = ({ rule, why }: RuleNote): object => ({ rule: place(rule), why });
  return {
    demand: demand.demand,
    coveredBy: demand.coveredBy.map(place),
    metBy: demand.metBy.map(note),
    cameClose: demand.cameClose.map(note),
    notMet: demand.notMet.map(note),
  };
}
