/** `POST /v1/enrol`: what is asked and answered stands in core/port/enrol.ts. */
import type { Routes } from "./serve-https.ts";
import { ENROL_BYTES_MAX, ENROL_PATH, type EnrolRequest, readEnrolRequest } from "#core/port/enrol.ts";
import { PortViolation } from "#core/port/shapes.ts";
import { isRefusal, refusal } from "#core/values/refusal.ts";
import { type BrokerMeters, NO_METERS, outcomeOf } from "../meters.ts";
import { type EnrolDeps, enrol } from "./enrol.ts";

/** Each asks the cluster three times; more at once would only wait for each other there. */
const AT_ONCE_MAX = 64;
const ANSWER_MS_MAX = 10_000;

export interface EnrolRouteDeps extends EnrolDeps {
  readonly meters?: BrokerMeters;
}

export function enrolRoute({ meters = NO_METERS, ...deps }: EnrolRouteDeps): Routes {
  let underWay = 0;
  return (app) => {
    app.post(ENROL_PATH, { bodyLimit: ENROL_BYTES_MAX }, async (request, reply) => {
      const asked = read(request.body);
      if (asked === undefined) return reply.code(400).send({ problem: "not an enrolment" });
      if (underWay >= AT_ONCE_MAX) meters.enrolled("LIMIT_GATEWAY");
      if (underWay >= AT_ONCE_MAX) return reply.code(503).send(refusal("LIMIT_GATEWAY"));
      underWay += 1;
      const patience = AbortSignal.timeout(ANSWER_MS_MAX);
      try {
        const answer = await enrol(asked, request.socket.remoteAddress ?? "", deps, patience);
        meters.enrolled(outcomeOf(answer));
        return await reply.code(isRefusal(answer) ? 403 : 200).send(answer);
      } catch (error) {
        if (!patience.aborted) throw error;
        meters.enrolled("POD_UNCHECKED");
        return await reply.code(503).send(refusal("POD_UNCHECKED"));
      } finally {
        underWay -= 1;
      }
    });
  };
}

function read(body: unknown): EnrolRequest | undefined {
  try {
    return readEnrolRequest(body);
  } catch (error) {
    if (error instanceof PortViolation) return undefined;
    throw error;
  }
}
