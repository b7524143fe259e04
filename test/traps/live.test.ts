/** The traps of the protocol, each on a real server. One server of each version for all of them. */
import { describe } from "node:test";
import { onTraps } from "./support/suites.ts";

describe("PostgreSQL 18", () => onTraps(18, "all"));
describe("PostgreSQL 15", () => onTraps(15, "versioned"));
