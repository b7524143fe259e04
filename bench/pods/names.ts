/** What agents call what they reach, and who they are there. */
export const ORDERS_NAME = "orders.example.com";
/** The same server, relayed as it is. */
export const PLAIN_NAME = "plain.example.com";
export const USER = "orders_agent";
export const ROWS = 10_000;
