/** HTTP/2 would be many requests at once in one connection; clients of Kubernetes do without where it is not offered. */
export const ALPN_HTTP = "http/1.1";
