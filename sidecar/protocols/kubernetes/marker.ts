/**
 * What stands in the place of a token where programs in a pod look for one. It has no authority anywhere: clients send it because they
 * have to send something, and the gateway takes it away again.
 */
export const NO_TOKEN = "sallyport.dev/this-is-no-token";
