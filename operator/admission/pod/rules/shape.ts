/** The gateway itself, and fields that nobody here has heard of. */
import { CONTAINERS } from "../../../names.ts";
import { POD_FIELDS, unknownFields } from "../fields.ts";
import { gatewayFaults } from "../gateway.ts";
import type { PodRule } from "./rule.ts";

export const gateway: PodRule = {
  title: "the gateway is missing, not in its place, or not as it was put in",
  why:
    `${CONTAINERS.init} is the first init container and ${CONTAINERS.gateway} the second, so that nothing of the pod runs before ` +
    "its traffic is captured. Both, and their volumes, are compared field by field with what is put in.",
  fix: "Create the pod without it: admission puts it in. What changed it afterwards may be another webhook; let that leave gw and gw-init alone.",
  remedy: "forced",
  find: ({ pod, settings }) =>
    settings === undefined
      ? []
      : gatewayFaults(pod, settings).map((field) => ({ field, message: "is not what the gateway's is" })),
  wrong: "spec: { initContainers: [{ name: first, image: app }] }",
  right: "spec: { initContainers: [{ name: first, image: app }] }",
};

export const unknownField: PodRule = {
  title: "the pod has a field that this version does not know",
  why: "A field that came with a later Kubernetes may share the node's network under another name.",
  fix: "Leave the field out, or upgrade Sallyport to a version that knows it.",
  remedy: "refused",
  find: ({ spec }) =>
    unknownFields(spec, POD_FIELDS, "spec").map((field) => ({
      field,
      message: "is not known to this version of Sallyport",
    })),
  wrong: "spec: { hostTime: true }",
  right: "spec: { hostUsers: false }",
};
