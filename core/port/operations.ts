/**
 * Every operation of the port: what it takes, what it answers, how it is performed, and what becomes of it when the
 * connection is lost while it runs.
 */
import type {
  AppendAnswer,
  BrokerPort,
  Challenge,
  ExchangeRequest,
  Hello,
  IdentifyRequest,
  LeaseGrant,
  LeaseId,
  Proof,
  Report,
  SealedEvent,
  SessionGrant,
  SessionId,
  Welcome,
} from "./port.ts";
import type { Refusal } from "../values/refusal.ts";
import * as values from "./values.ts";
import { type Shape, type ValueOf, nothing, oneOf, record } from "./shapes.ts";

export type Operation = keyof BrokerPort;

/** Asked and answered. */
export interface Call<Request, Answer> {
  readonly form: "call";
  readonly request: Shape<Request>;
  readonly answer: Shape<Answer>;
  readonly perform: (port: BrokerPort, request: Request, signal: AbortSignal) => Promise<Answer>;
  /**
   * `fail`: the caller is told BROKER_UNREACHABLE and decides. `resend`: it goes out again on the next connection, because
   * giving it up would lose something that has to arrive.
   */
  readonly onLoss: "fail" | "resend";
  /** Whether a caller that was told of a loss may ask again: the broker may have carried it out already. */
  readonly mayRepeat: boolean;
  /** Frames that are wiped once written. */
  readonly secret?: "request" | "answer" | "both";
  /** For the broker's side, once the answer has been written or nobody waits for it any more. */
  readonly wipe?: (answer: Answer) => void;
}
/** Said, and not answered: the newest replaces what was said before, and is said again on the next connection. */
export interface Tell<Request> {
  readonly form: "tell";
  readonly request: Shape<Request>;
  readonly perform: (port: BrokerPort, request: Request) => void;
}
type Form = Pick<Call<never, never>, "form"> | Pick<Tell<never>, "form"> | Stream;

/** Asked once for each connection; pushes follow until it ends. */
export interface Stream {
  readonly form: "stream";
}

function call<Request, Answer>(row: Omit<Call<Request, Answer>, "form">): Call<Request, Answer> {
  return { form: "call", ...row };
}

function tell<Request>(row: Omit<Tell<Request>, "form">): Tell<Request> {
  return { form: "tell", ...row };
}

const byLease = record<{ readonly lease: LeaseId }>({ lease: values.lease });

export const OPERATIONS = {
  hello: call<Hello, Welcome | Refusal>({
    request: values.hello,
    answer: values.orRefusal(values.welcome),
    perform: (port, request, signal) => port.hello(request, signal),
    onLoss: "fail",
    mayRepeat: true,
  }),
  identify: call<IdentifyRequest, SessionGrant | Refusal>({
    request: values.identifyRequest,
    answer: values.orRefusal(values.sessionGrant),
    perform: (port, request, signal) => port.identify(request, signal),
    onLoss: "fail",
    // Idempotent by session; but the token was wiped, so only whoever still has it can.
    mayRepeat: true,
    secret: "both",
  }),
  exchange: call<ExchangeRequest, LeaseGrant | Refusal>({
    request: values.exchangeRequest,
    answer: values.orRefusal(values.leaseGrant),
    perform: (port, request, signal) => port.exchange(request, signal),
    onLoss: "fail",
    // Idempotent by session and connection: a lease whose answer was lost is given again.
    mayRepeat: true,
  }),
  renew: call<{ readonly lease: LeaseId }, LeaseGrant | Refusal>({
    request: byLease,
    answer: values.orRefusal(values.leaseGrant),
    perform: (port, { lease }, signal) => port.renew(lease, signal),
    onLoss: "fail",
    mayRepeat: true,
  }),
  release: call<{ readonly lease: LeaseId }, undefined>({
    request: byLease,
    answer: nothing,
    perform: async (port, { lease }, signal) => {
      await port.release(lease, signal);
      return undefined;
    },
    // Nobody waits for it, and a credential that is not given back lives until its end.
    onLoss: "resend",
    mayRepeat: true,
  }),
  prove: call<{ readonly lease: LeaseId; readonly challenge: Challenge }, Proof | Refusal>({
    request: record({ lease: values.lease, challenge: values.challenge }),
    answer: values.orRefusal(values.proof),
    perform: (port, { lease, challenge }, signal) => port.prove(lease, challenge, signal),
    onLoss: "fail",
    // The same challenge has the same proof; the upstream's patience is what ends.
    mayRepeat: true,
    secret: "answer",
    wipe: values.wipeProof,
  }),
  hold: call<{ readonly session: SessionId; readonly question: string }, "approved" | Refusal>({
    request: record({ session: values.session, question: values.question }),
    answer: values.orRefusal(oneOf(["approved"])),
    perform: (port, { session, question }, signal) => port.hold(session, question, signal),
    onLoss: "fail",
    // People would be asked twice.
    mayRepeat: false,
  }),
  append: call<{ readonly batch: readonly SealedEvent[] }, readonly AppendAnswer[] | Refusal>({
    request: record({ batch: values.batch }),
    answer: values.orRefusal(values.appendAnswers),
    perform: (port, { batch }, signal) => port.append(batch, signal),
    onLoss: "resend",
    mayRepeat: true,
  }),
  subscribe: { form: "stream" },
  applied: tell<{ readonly worker: string; readonly planVersion: string }>({
    request: record({ worker: values.workerName, planVersion: values.planVersion }),
    perform: (port, { worker, planVersion }) => port.applied(worker, planVersion),
  }),
  report: tell<Report>({
    request: values.report,
    perform: (port, request) => port.report(request),
  }),
} as const satisfies Record<Operation, Form>;

type Table = typeof OPERATIONS;
export type CallOperation = { [O in Operation]: Table[O] extends { form: "call" } ? O : never }[Operation];
export type TellOperation = { [O in Operation]: Table[O] extends { form: "tell" } ? O : never }[Operation];

export type RequestOf<O extends CallOperation | TellOperation> = ValueOf<Table[O]["request"]>;
export type AnswerOf<O extends CallOperation> = ValueOf<Table[O]["answer"]>;
