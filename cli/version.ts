/** The version of package.json, which a test holds it to: a bundle has no package.json beside it. */
export const VERSION = "0.1.0";
