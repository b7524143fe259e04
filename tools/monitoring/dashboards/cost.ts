import { type Dashboard, curve, quantiles, query, RATE } from "../dashboard.ts";

export const cost: Dashboard = {
  uid: "sallyport-cost",
  title: "Sallyport: cost",
  question: "What do gateways, broker and operator take, and how long do agents wait for them?",
  variables: [],
  rows: [
    {
      title: "Gateways",
      panels: [
        curve({
          title: "Memory",
          description:
            "Of one gateway, or of one worker of a standalone one. The chart's limit for a pod's is 256 MiB.",
          unit: "bytes",
          queries: [
            query("quantile(0.5, sallyport_resident_bytes)", "median"),
            query("max(sallyport_resident_bytes)", "largest"),
          ],
          thresholds: { warning: 200 * 1024 * 1024, bad: 256 * 1024 * 1024 },
        }),
        curve({
          title: "Processor time",
          description: "Seconds of a processor in a second, of one gateway and of all.",
          unit: "short",
          queries: [
            query(`max(rate(sallyport_cpu_seconds_total${RATE}))`, "busiest"),
            query(`sum(rate(sallyport_cpu_seconds_total${RATE}))`, "all"),
          ],
        }),
        curve({
          title: "Time of a decision",
          description: "What policy adds to one request, once the statement is parsed.",
          unit: "s",
          queries: quantiles("sallyport_decision_seconds"),
          thresholds: { warning: 0.001, bad: 0.01 },
        }),
        curve({
          title: "Fullness of the window of events",
          description: "At 1 a gateway reads no more from its clients. Runbook SallyportTrailWindowFull.",
          unit: "percentunit",
          queries: [
            query("max(sallyport_trail_window_fullness)", "fullest"),
            query("avg(sallyport_trail_window_fullness)", "on average"),
          ],
          thresholds: { warning: 0.5, bad: 0.9 },
        }),
        curve({
          title: "Time until the trail has stored a batch",
          description: "What writes wait for: they are on record before they are carried out.",
          unit: "s",
          queries: quantiles("sallyport_trail_acknowledge_seconds"),
          thresholds: { warning: 0.1, bad: 1 },
        }),
        curve({
          title: "Restarts and broken parsers",
          description: "Runbooks SallyportGatewayRestarts and SallyportParserFaults.",
          unit: "short",
          queries: [
            query("sum(sallyport_gateway_restarts) or vector(0)", "gateways of pods"),
            query("sum(sallyport_process_restarts) or vector(0)", "processes of standalone gateways"),
            query("sum(sallyport_parser_faults)", "broken parsers"),
          ],
        }),
      ],
    },
    {
      title: "Operator",
      panels: [
        curve({
          title: "Time of a review",
          description: "What admission adds to the making of a pod. Runbook SallyportAdmissionSlow.",
          unit: "s",
          queries: quantiles("sallyport_admission_seconds", "webhook"),
          thresholds: { warning: 0.1, bad: 1 },
        }),
        curve({
          title: "Memory of the operator",
          description: "By replica; it grows with the pods of the cluster.",
          unit: "bytes",
          queries: [query("sallyport_operator_resident_bytes", "{{instance}}")],
        }),
        curve({
          title: "Work that waits, by controller",
          description: "Objects that a controller has yet to look at. It should come back to 0.",
          unit: "short",
          queries: [query("sum by (controller) (sallyport_queue_depth)", "{{controller}}")],
        }),
        curve({
          title: "Watches begun again, since each program started",
          description:
            "By store, of operator and broker. Climbing: the API server sends them away, or cannot keep up.",
          unit: "short",
          queries: [
            query("sum by (store) (sallyport_watch_reconnects)", "{{store}} reconnects"),
            query("sum by (store) (sallyport_watch_relists)", "{{store}} lists"),
          ],
        }),
      ],
    },
  ],
};
