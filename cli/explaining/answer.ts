/** Everything that `sallyport explain` knows about one question; both renderers start from this. */
import type { Explanation } from "#core/policy/explain.ts";
import type { Request } from "#core/policy/facts.ts";
import type { Question } from "../asking.ts";
import type { Configuration } from "../configuration.ts";

export interface Answer {
  readonly question: Question;
  readonly request: Request;
  readonly explanation: Explanation;
  readonly configuration: Configuration;
  /** Whether the time of the question was chosen, and is not just now. */
  readonly isTimeGiven: boolean;
  /** `namespace/name` of the connection that was most likely meant, when there is none of that name. */
  readonly nearestConnection?: string;
}
