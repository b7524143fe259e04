import { type Dashboard, curve, query, RATE, stat } from "../dashboard.ts";

const ONE = 'connection="$connection"';

export const connection: Dashboard = {
  uid: "sallyport-connection",
  title: "Sallyport: one Connection",
  question: "Who uses this Connection, for how much, and what is refused there?",
  variables: [
    {
      name: "connection",
      label: "Connection",
      metric: "sallyport_requests_total",
      from: "connection",
    },
  ],
  rows: [
    {
      title: "Now",
      panels: [
        stat({
          title: "Sessions",
          description: "Sessions that are open.",
          unit: "short",
          queries: [query(`sum(sallyport_sessions_open{${ONE}})`, "open")],
          width: 6,
        }),
        stat({
          title: "Requests",
          description: "Requests in a second.",
          unit: "reqps",
          queries: [query(`sum(rate(sallyport_requests_total{${ONE}}${RATE}))`, "requests")],
          width: 6,
        }),
        stat({
          title: "Refused",
          description: "Share of requests that were refused. Runbook SallyportMostRefused.",
          unit: "percentunit",
          queries: [
            query(
              `(sum(rate(sallyport_requests_total{${ONE}, outcome="deny"}${RATE})) or vector(0)) / sum(rate(sallyport_requests_total{${ONE}}${RATE}))`,
              "refused",
            ),
          ],
          thresholds: { warning: 0.1, bad: 0.5 },
          width: 6,
        }),
        stat({
          title: "Rows",
          description: "Rows of results in a second.",
          unit: "ops",
          queries: [query(`sum(rate(sallyport_result_rows_total{${ONE}}${RATE}))`, "rows")],
          width: 6,
        }),
      ],
    },
    {
      title: "What is asked",
      panels: [
        curve({
          title: "Requests by outcome",
          description: "What was decided of requests.",
          unit: "reqps",
          queries: [query(`sum by (outcome) (rate(sallyport_requests_total{${ONE}}${RATE}))`, "{{outcome}}")],
        }),
        curve({
          title: "Refusals by code",
          description: "`kubectl sallyport explain` says which rule would have to allow it.",
          unit: "reqps",
          queries: [
            query(
              `sum by (code) (rate(sallyport_requests_total{${ONE}, outcome="deny"}${RATE}))`,
              "{{code}}",
            ),
          ],
        }),
        curve({
          title: "Bytes of results",
          description: "What left the upstream by way of this Connection.",
          unit: "binBps",
          queries: [query(`sum(rate(sallyport_result_bytes_total{${ONE}}${RATE}))`, "bytes")],
        }),
        curve({
          title: "Values that a mask replaced",
          description:
            "None where a policy has masks: agents ask for nothing that is masked, or the mask is not where you think.",
          unit: "ops",
          queries: [query(`sum(rate(sallyport_masked_values_total{${ONE}}${RATE}))`, "masked")],
        }),
      ],
    },
    {
      title: "Who asks",
      panels: [
        curve({
          title: "Agents with most sessions",
          description:
            "Where `agent` is empty your Prometheus does not name its targets so: docs/operations/dashboards.md.",
          unit: "short",
          queries: [query(`topk(10, sum by (agent) (sallyport_sessions_open{${ONE}}))`, "{{agent}}")],
        }),
        curve({
          title: "Agents that are refused most",
          description: "The trail says what they asked for: `sallyport audit tail --subject POD`.",
          unit: "reqps",
          queries: [
            query(
              `topk(10, sum by (agent) (rate(sallyport_requests_total{${ONE}, outcome="deny"}${RATE})))`,
              "{{agent}}",
            ),
          ],
        }),
        curve({
          title: "Clients refused before they had a session, by code",
          description: "Whoever may not use the Connection at all.",
          unit: "reqps",
          queries: [
            query(`sum by (code) (rate(sallyport_clients_refused_total{${ONE}}${RATE}))`, "{{code}}"),
          ],
        }),
        curve({
          title: "Sessions that ended, by code",
          description:
            "UPSTREAM_… is the database; LIMIT_… a limit of the policy; REVOKED somebody's decision.",
          unit: "reqps",
          queries: [query(`sum by (code) (rate(sallyport_sessions_ended_total{${ONE}}${RATE}))`, "{{code}}")],
        }),
      ],
    },
  ],
};
