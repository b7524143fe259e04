/** T38: what enforces is down, or taken away by somebody with the right to. Nothing gets in meanwhile, and it is mended. */
import { AdmissionregistrationV1Api } from "@kubernetes/client-node";
import { eventually } from "#test/chart/support/wait.ts";
import { type Attack, type Outcome, outcomeOf } from "./attack.ts";
import type { Operator } from "./battlefield.ts";
import { create, isTrusted, type Stage } from "./stage.ts";

export interface Outage {
  readonly name: string;
  readonly cause: (stage: Stage, operator: Operator) => Promise<void>;
  /** What pods hear from now on. Left out: they come in, with their gateway. */
  readonly refusal?: RegExp;
}

const NAME = { name: "sallyport" };
const registrations = ({ as }: Stage): AdmissionregistrationV1Api =>
  as("mallory").makeApiClient(AdmissionregistrationV1Api);
const BY_POLICY = /ValidatingAdmissionPolicy 'sallyport-pod-gateway'.*Fix: /s;

type Registered = NonNullable<
  Awaited<ReturnType<AdmissionregistrationV1Api["readMutatingWebhookConfiguration"]>>["webhooks"]
>[number];

async function tamper(stage: Stage, change: (webhook: Registered) => void): Promise<void> {
  const api = registrations(stage);
  const mutating = await api.readMutatingWebhookConfiguration(NAME);
  for (const webhook of mutating.webhooks ?? []) change(webhook);
  await api.replaceMutatingWebhookConfiguration({ ...NAME, body: mutating });
  const validating = await api.readValidatingWebhookConfiguration(NAME);
  for (const webhook of validating.webhooks ?? []) change(webhook);
  await api.replaceValidatingWebhookConfiguration({ ...NAME, body: validating });
}

export const OUTAGE = {
  id: "T38",
  title: "what enforces is down, or taken away",
} as const;

/** One after the other, each on top of those before it. */
export const OUTAGES: readonly Outage[] = [
  {
    name: "no operator runs",
    cause: (_stage, operator) => operator.end("SIGTERM"),
    refusal: /failed calling webhook/,
  },
  {
    name: "its webhooks are to let through what cannot be judged",
    cause: (stage) =>
      tamper(stage, (webhook) => {
        webhook.failurePolicy = "Ignore";
      }),
    refusal: BY_POLICY,
  },
  {
    name: "its webhooks look at a label that nobody has, under another authority",
    cause: (stage) =>
      tamper(stage, (webhook) => {
        webhook.namespaceSelector = { matchLabels: { "example.com/never": "there" } };
        webhook.clientConfig.caBundle = Buffer.from(stage.api.pki.caPem).toString("base64");
      }),
    refusal: BY_POLICY,
  },
  { name: "it comes back, and puts right what was done", cause: (_stage, operator) => operator.start() },
  {
    // The next one would make them anew after a while, which test/webhook waits for.
    name: "it is killed, and its webhook configurations are deleted",
    cause: async (stage, operator) => {
      await operator.end("SIGKILL");
      await registrations(stage).deleteMutatingWebhookConfiguration(NAME);
      await registrations(stage).deleteValidatingWebhookConfiguration(NAME);
    },
    refusal: BY_POLICY,
  },
];

const BARE = { metadata: { name: "bare" }, spec: { containers: [{ name: "app", image: "app" }] } };
/** What is tried all the while. */
export const bringing: Attack = {
  name: "a bare pod",
  attempt: async (stage) => !isTrusted(stage, await create(stage, BARE, stage.namespace)),
};

export interface Endured {
  readonly outage: string;
  /** Every answer until the one that was waited for; none of them may be that it worked. */
  readonly outcomes: readonly Outcome[];
}

/** The API server takes a moment to hear of each change; what pods hear until then is told too. */
export async function endure(stage: Stage, operator: Operator, outage: Outage): Promise<Endured> {
  const { name, cause, refusal } = outage;
  const outcomes: Outcome[] = [];
  await cause(stage, operator);
  await eventually(
    async () => {
      const outcome = await outcomeOf(bringing, stage);
      outcomes.push(outcome);
      const isSo =
        refusal === undefined
          ? outcome.kind === "came to nothing"
          : outcome.kind === "refused" && refusal.test(outcome.message);
      return isSo ? true : undefined;
    },
    () => `${name}: ${JSON.stringify(outcomes.at(-1))}`,
  );
  return { outage: name, outcomes };
}
