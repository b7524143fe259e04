/** What the admission port counts. Labels come from closed sets: webhooks, outcomes, and the rules that stand in our tables. */
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Verdict } from "./verdict.ts";
import type { WebhookName } from "./webhook.ts";

/** Why a request was turned away before it was a review. */
export const TURNED_AWAY = [
  "busy",
  "caller",
  "length",
  "malformed",
  "method",
  "path",
  "size",
  "type",
] as const;
export type TurnedAway = (typeof TURNED_AWAY)[number];
/** `unverified`: no client certificate is asked for, or none was shown. */
export type Caller = "verified" | "unverified";

export interface AdmissionMeters {
  readonly answered: (webhook: WebhookName, verdict: Verdict, seconds: number) => void;
  readonly turnedAway: (why: TurnedAway) => void;
  readonly called: (caller: Caller) => void;
  readonly inFlight: (reviews: number) => void;
}

const SECONDS = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 4];

export function admissionMeters(registry: Registry): AdmissionMeters {
  const registers = [registry];
  const reviews = new Counter({
    name: "sallyport_admission_reviews_total",
    help: "Reviews of the API server, by what came of them.",
    labelNames: ["webhook", "outcome", "reason"],
    registers,
  });
  const findings = new Counter({
    name: "sallyport_admission_findings_total",
    help: "What refused objects were refused for, by rule.",
    labelNames: ["webhook", "rule"],
    registers,
  });
  const seconds = new Histogram({
    name: "sallyport_admission_seconds",
    help: "Time from a review's first byte to its answer.",
    labelNames: ["webhook"],
    buckets: SECONDS,
    registers,
  });
  const turnedAway = new Counter({
    name: "sallyport_admission_turned_away_total",
    help: "Requests to the admission port that were no reviews, or came when it was full.",
    labelNames: ["reason"],
    registers,
  });
  const callers = new Counter({
    name: "sallyport_admission_callers_total",
    help: "Requests to the admission port, by whether a client certificate showed that the API server sent them.",
    labelNames: ["caller"],
    registers,
  });
  const inFlight = new Gauge({
    name: "sallyport_admission_reviews_in_flight",
    help: "Reviews that are being read or judged.",
    registers,
  });
  return {
    answered: (webhook, verdict, tookSeconds) => {
      const reason = verdict.outcome === "unjudged" ? verdict.why : "";
      reviews.inc({ webhook, outcome: verdict.outcome, reason });
      seconds.observe({ webhook }, tookSeconds);
      if (verdict.outcome === "refused")
        for (const rule of new Set(verdict.findings.map((finding) => finding.rule)))
          findings.inc({ webhook, rule });
    },
    turnedAway: (reason) => turnedAway.inc({ reason }),
    called: (caller) => callers.inc({ caller }),
    inFlight: (count) => inFlight.set(count),
  };
}
