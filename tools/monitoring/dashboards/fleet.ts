import { type Dashboard, curve, quantiles, query, RATE, stat } from "../dashboard.ts";

const inForce: Dashboard["rows"][number] = {
  title: "In force",
  panels: [
    stat({
      title: "Agents connected",
      description: "Agents whose gateway is connected to a broker.",
      unit: "short",
      queries: [query("count(max by (agent) (sallyport_agent_info)) or vector(0)", "agents")],
    }),
    stat({
      title: "Behind",
      description:
        "Agents whose gateway has not said that it applies the newest plan. For more than a minute: runbook SallyportPolicyNotInForce.",
      unit: "short",
      queries: [query("count(max by (agent) (sallyport_agent_plan_applied) == 0) or vector(0)", "gateways")],
      thresholds: { bad: 1 },
    }),
    stat({
      title: "Without a broker",
      description: "Gateways that no broker answers. Runbook SallyportGatewayWithoutBroker.",
      unit: "short",
      queries: [query("count(sallyport_broker_connected == 0) or vector(0)", "gateways")],
      thresholds: { warning: 1, bad: 10 },
    }),
    stat({
      title: "Admission intact",
      description:
        "Whether each webhook configuration is as it has to be, on one replica at least. Runbook SallyportWebhookNotIntact.",
      unit: "bool",
      queries: [query("min(max by (configuration) (sallyport_webhook_configuration_intact))", "intact")],
      thresholds: { bad: 1, below: true },
    }),
    stat({
      title: "Trail writable",
      description: "Whether every broker can write its trail. Runbook SallyportTrailNotWritable.",
      unit: "bool",
      queries: [query("min(sallyport_trail_ready)", "writable")],
      thresholds: { bad: 1, below: true },
    }),
    stat({
      title: "Problems",
      description:
        "What brokers say is not as it should be; /readyz has a line for each. Runbook SallyportBrokerProblems.",
      unit: "short",
      queries: [query("max(sallyport_problems)", "problems")],
      thresholds: { warning: 1, bad: 10 },
    }),
    curve({
      title: "Gateways",
      description: "How many there are, and how many of them are not as they should be.",
      unit: "short",
      queries: [
        query("count(sallyport_broker_connected)", "scraped"),
        query("sum(sallyport_broker_connected)", "with a broker"),
        query("count(max by (agent) (sallyport_agent_plan_applied) == 1) or vector(0)", "at the newest plan"),
      ],
    }),
    curve({
      title: "Time until a policy is in force",
      description:
        "From a change's being known to the broker until a gateway applies it. Runbook SallyportPolicySlow.",
      unit: "s",
      queries: quantiles("sallyport_plan_apply_seconds"),
      thresholds: { warning: 0.5, bad: 1 },
    }),
  ],
};

const use: Dashboard["rows"][number] = {
  title: "Use",
  panels: [
    curve({
      title: "Sessions by Connection",
      description: "Sessions that are open.",
      unit: "short",
      queries: [query("sum by (connection) (sallyport_sessions_open)", "{{connection}}")],
    }),
    curve({
      title: "Requests by outcome",
      description: "What was decided of requests.",
      unit: "reqps",
      queries: [query(`sum by (outcome) (rate(sallyport_requests_total${RATE}))`, "{{outcome}}")],
    }),
    curve({
      title: "Requests refused, by code",
      description: "What a code means is at http://sallyport.internal/codes/CODE in any agent's pod.",
      unit: "reqps",
      queries: [query(`sum by (code) (rate(sallyport_requests_total{outcome="deny"}${RATE}))`, "{{code}}")],
    }),
    curve({
      title: "Clients refused before they had a session, by code",
      description: "Whoever is not known, or may not use the Connection at all.",
      unit: "reqps",
      queries: [query(`sum by (code) (rate(sallyport_clients_refused_total${RATE}))`, "{{code}}")],
    }),
    curve({
      title: "Connections that led nowhere, by code",
      description: "Destinations in the network that no Connection of the agent's is for.",
      unit: "reqps",
      queries: [query(`sum by (code) (rate(sallyport_captured_total${RATE}))`, "{{code}}")],
    }),
    curve({
      title: "Sessions that ended, by code",
      description: "CLIENT_CLOSED is the usual end.",
      unit: "reqps",
      queries: [query(`sum by (code) (rate(sallyport_sessions_ended_total${RATE}))`, "{{code}}")],
    }),
  ],
};

const broker: Dashboard["rows"][number] = {
  title: "Broker",
  panels: [
    curve({
      title: "Answers of the broker by code",
      description:
        "Credentials that were asked for, renewed, or asked for by token. Runbook SallyportExchangesFail.",
      unit: "reqps",
      queries: [
        query(`sum by (operation, code) (rate(sallyport_exchanges_total${RATE}))`, "{{operation}} {{code}}"),
      ],
    }),
    curve({
      title: "Time until the broker has answered",
      description: "What a session waits for before it begins. Runbook SallyportExchangesSlow.",
      unit: "s",
      queries: quantiles("sallyport_exchange_seconds", "operation"),
      thresholds: { warning: 1, bad: 2.5 },
    }),
    curve({
      title: "Enrolments by code",
      description:
        "Pods that asked for a certificate. POD_KEY_REFUSED is an alarm: runbook SallyportPodKeyRefused.",
      unit: "reqps",
      queries: [query(`sum by (code) (rate(sallyport_enrolments_total${RATE}))`, "{{code}}")],
    }),
    curve({
      title: "Credentials that are lent",
      description: "By replica of the broker.",
      unit: "short",
      queries: [query("sum by (instance) (sallyport_leases)", "{{instance}}")],
    }),
  ],
};

const admission: Dashboard["rows"][number] = {
  title: "Admission",
  panels: [
    curve({
      title: "Reviews by outcome",
      description: "`unjudged` is refused without having been judged: runbook SallyportAdmissionUnjudged.",
      unit: "reqps",
      queries: [
        query(
          `sum by (webhook, outcome) (rate(sallyport_admission_reviews_total${RATE}))`,
          "{{webhook}} {{outcome}}",
        ),
      ],
    }),
    curve({
      title: "What is refused, by rule",
      description: "Rules that the refused objects broke. The refusal names the field and the fix.",
      unit: "reqps",
      queries: [query(`sum by (rule) (rate(sallyport_admission_findings_total${RATE}))`, "{{rule}}")],
    }),
  ],
};

export const fleet: Dashboard = {
  uid: "sallyport-fleet",
  title: "Sallyport: fleet",
  question: "Is every agent's gateway in force, and what are agents refused?",
  variables: [],
  rows: [inForce, use, broker, admission],
};
