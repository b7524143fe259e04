/** From a review to a verdict, whatever happens: in time, or not judged and so not let through. */
import { type Log, errorFields } from "#runtime/log.ts";
import type { Review } from "./review.ts";
import type { UnjudgedReason, Verdict } from "./verdict.ts";
import { ClusterUnavailable, type Webhook } from "./webhook.ts";

export async function judge(
  webhook: Webhook,
  review: Review,
  deadlineMs: number,
  log: Log,
): Promise<Verdict> {
  if (!webhook.isFor(review)) {
    log.error("a review of something that this webhook is not for", {
      group: review.group,
      resource: review.resource,
    });
    return unjudged("unexpected");
  }
  const stop = new AbortController();
  const late = Promise.withResolvers<Verdict>();
  const timer = setTimeout(() => {
    late.resolve(unjudged("deadline"));
    stop.abort(new DOMException("the deadline of a review", "TimeoutError"));
  }, deadlineMs);
  try {
    const verdict = webhook.judge(review, stop.signal);
    return await Promise.race([verdict, late.promise]);
  } catch (error) {
    if (error instanceof ClusterUnavailable) {
      log.warn("the API server could not be asked", errorFields(error));
      return unjudged("cluster");
    }
    // Its words are ours, of a bug: but a stack and more would carry what was judged.
    log.error("a webhook failed", errorFields(error));
    return unjudged("fault");
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}

function unjudged(why: UnjudgedReason): Verdict {
  return { outcome: "unjudged", why };
}
