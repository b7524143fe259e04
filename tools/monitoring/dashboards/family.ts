import { type Dashboard, curve, query, RATE, stat, table } from "../dashboard.ts";

const MEMBERS = 'sallyport_agent_info{family="$family"}';

/** Of what gateways count, only what is of the family. Two replicas may know of one agent while it moves. */
const ofFamily = (metric: string): string =>
  `${metric} * on (agent) group_left () max by (agent) (${MEMBERS})`;

export const family: Dashboard = {
  uid: "sallyport-family",
  title: "Sallyport: one family of agents",
  question: "What do this agent and everybody whom it launched do?",
  variables: [{ name: "family", label: "First agent", metric: "sallyport_agent_info", from: "family" }],
  rows: [
    {
      title: "Who",
      panels: [
        stat({
          title: "Agents",
          description: "Of the family, with a gateway that is connected.",
          unit: "short",
          queries: [query(`count(max by (agent) (${MEMBERS}))`, "agents")],
          width: 6,
        }),
        stat({
          title: "Sessions",
          description: "That are open. `kubectl sallyport revoke` ends them all.",
          unit: "short",
          queries: [query(`sum(${ofFamily("sallyport_sessions_open")})`, "open")],
          width: 6,
        }),
        curve({
          title: "Agents by generation",
          description:
            "0 is the first agent. A family that keeps growing meets lineage.childrenMax and lineage.depthMax.",
          unit: "short",
          queries: [
            query(
              `count by (generation) (max by (agent, generation) (${MEMBERS}))`,
              "generation {{generation}}",
            ),
          ],
        }),
        table({
          title: "Members",
          description:
            "Each agent, and who launched it. `kubectl sallyport lineage` shows the tree, with those that have ended.",
          unit: "short",
          queries: [query(`max by (agent, launched_by, generation) (${MEMBERS})`, "{{agent}}")],
        }),
      ],
    },
    {
      title: "What they do",
      panels: [
        curve({
          title: "Requests by agent",
          description: "Requests in a second, whatever was decided of them.",
          unit: "reqps",
          queries: [
            query(`sum by (agent) (${ofFamily(`rate(sallyport_requests_total${RATE})`)})`, "{{agent}}"),
          ],
        }),
        curve({
          title: "Refusals by agent and code",
          description:
            "DENY_NOT_DELEGATED: an agent above withholds it. The trail and `kubectl sallyport explain` name it.",
          unit: "reqps",
          queries: [
            query(
              `sum by (agent, code) (${ofFamily(`rate(sallyport_requests_total{outcome="deny"}${RATE})`)})`,
              "{{agent}} {{code}}",
            ),
          ],
        }),
        curve({
          title: "Sessions by Connection",
          description: "What the family is connected to.",
          unit: "short",
          queries: [query(`sum by (connection) (${ofFamily("sallyport_sessions_open")})`, "{{connection}}")],
        }),
        curve({
          title: "Rows by agent",
          description: "Rows of results in a second.",
          unit: "ops",
          queries: [
            query(`sum by (agent) (${ofFamily(`rate(sallyport_result_rows_total${RATE})`)})`, "{{agent}}"),
          ],
        }),
      ],
    },
  ],
};
