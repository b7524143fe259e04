/** A broker that answers as the test says and remembers what it was asked: the carriers are what is tested, not it. */
import type { BrokerPort, Push, Report } from "#core/port/port.ts";
import type { AnswerOf, CallOperation, RequestOf } from "#core/port/operations.ts";
import { callSamples } from "./samples.ts";

export interface Asked {
  readonly operation: CallOperation;
  readonly request: unknown;
  readonly signal: AbortSignal;
}

type Script = { [O in CallOperation]?: (request: RequestOf<O>, signal: AbortSignal) => Promise<AnswerOf<O>> };

export class ScriptedBroker implements BrokerPort {
  readonly asked: Asked[] = [];
  readonly appliedVersions: string[] = [];
  readonly reports: Report[] = [];
  readonly listeners = new Set<(push: Push) => void>();
  script: Script = {};
  plan: Push | undefined;

  push(push: Push): void {
    for (const listener of this.listeners) listener(push);
  }

  hello = (request: RequestOf<"hello">, signal: AbortSignal) => this.#answer("hello", request, signal);
  identify = (request: RequestOf<"identify">, signal: AbortSignal) =>
    this.#answer("identify", request, signal);
  exchange = (request: RequestOf<"exchange">, signal: AbortSignal) =>
    this.#answer("exchange", request, signal);
  renew = (lease: string, signal: AbortSignal) => this.#answer("renew", { lease }, signal);
  release = async (lease: string, signal: AbortSignal): Promise<void> => {
    await this.#answer("release", { lease }, signal);
  };
  prove = (lease: string, challenge: RequestOf<"prove">["challenge"], signal: AbortSignal) =>
    this.#answer("prove", { lease, challenge }, signal);
  hold = (session: string, question: string, signal: AbortSignal) =>
    this.#answer("hold", { session, question }, signal);
  append = (batch: RequestOf<"append">["batch"], signal: AbortSignal) =>
    this.#answer("append", { batch }, signal);

  subscribe(listener: (push: Push) => void, signal: AbortSignal): void {
    this.listeners.add(listener);
    signal.addEventListener("abort", () => this.listeners.delete(listener), { once: true });
    if (this.plan !== undefined) listener(this.plan);
  }

  applied(_worker: string, planVersion: string): void {
    this.appliedVersions.push(planVersion);
  }

  report(report: Report): void {
    this.reports.push(report);
  }

  #answer<O extends CallOperation>(
    operation: O,
    request: RequestOf<O>,
    signal: AbortSignal,
  ): Promise<AnswerOf<O>> {
    this.asked.push({ operation, request: structuredClone(request), signal });
    const scripted = this.script[operation];
    if (scripted !== undefined) return scripted(request, signal);
    return Promise.resolve(callSamples()[operation].answers[0]);
  }
}
