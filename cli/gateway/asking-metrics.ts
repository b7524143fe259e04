/** Metrics of other processes: asked for by number, waited for a moment, left out when they do not come. */
import { type MetricSamples, readMetrics } from "#runtime/metrics.ts";

export interface Answers {
  /** Undefined when nothing came in time. */
  ask(send: (id: number) => boolean): Promise<readonly MetricSamples[] | undefined>;
  answered(id: number, text: string): void;
}

const WAIT_MS = 2_000;

export function openAnswers(known: ReadonlySet<string>): Answers {
  const asked = new Map<number, (text: string | undefined) => void>();
  let lastId = 0;
  return {
    async ask(send) {
      lastId += 1;
      const id = lastId;
      const { promise, resolve } = Promise.withResolvers<string | undefined>();
      asked.set(id, resolve);
      const late = setTimeout(() => resolve(undefined), WAIT_MS);
      try {
        if (!send(id)) return undefined;
        const text = await promise;
        return text === undefined ? undefined : readMetrics(text, known);
      } finally {
        clearTimeout(late);
        asked.delete(id);
      }
    },
    answered: (id, text) => asked.get(id)?.(text),
  };
}
