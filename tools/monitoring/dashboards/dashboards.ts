/** Every dashboard that there is, each by the name of its file. */
import type { Dashboard } from "../dashboard.ts";
import { connection } from "./connection.ts";
import { cost } from "./cost.ts";
import { family } from "./family.ts";
import { fleet } from "./fleet.ts";

export const DASHBOARDS = { fleet, connection, family, cost } satisfies Record<string, Dashboard>;
export type DashboardName = keyof typeof DASHBOARDS;
