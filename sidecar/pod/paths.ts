/** Folders of the gateway's container. A test holds them to the operator's names. */
export const PATHS = {
  token: "/var/run/sallyport/token",
  state: "/var/run/sallyport/state",
  ca: "/var/run/sallyport/ca",
} as const;

export type Paths = Readonly<Record<keyof typeof PATHS, string>>;
