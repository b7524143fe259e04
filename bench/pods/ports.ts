/** Of the broker, as the chart has them, and of its health. */
export const PORTS = { gateways: 8_443, requests: 8_444, health: 15_090 } as const;
