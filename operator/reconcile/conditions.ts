/**
 * Every condition and every reason that a status can hold, with what it means and what to do about it. `docs/conditions.md`
 * is these tables. Nothing else may be written into a status, so that whoever alerts on a reason can rely on it.
 */

export type ConditionStatus = "True" | "False" | "Unknown";

export interface Reason {
  readonly status: ConditionStatus;
  readonly means: string;
  readonly remedy: string;
  /** It is told and keeps nothing from being Ready. */
  readonly aside?: true;
}

export interface Condition {
  /** Where it stands. */
  readonly on: readonly string[];
  readonly asks: string;
  readonly reasons: Readonly<Record<string, Reason>>;
}

const POLICY_KINDS = ["SecretAccessPolicy", "ClusterSecretAccessPolicy"];
const NOTHING = "Nothing.";
const BROKER = "Install or repair the broker; the condition follows by itself.";
const AFTER_ACCEPTED = "See Accepted; this is looked at once the object is accepted.";

export const CONDITIONS = {
  Accepted: {
    on: ["Connection", ...POLICY_KINDS, "IdentityProvider", "WorkloadController"],
    asks: "Can the object be used as it is written?",
    reasons: {
      Valid: { status: "True", means: "This version is in force.", remedy: NOTHING },
      Invalid: {
        status: "False",
        means:
          "This version is wrong, as the message says, and no good one is known: a policy closes what it selects, anything else counts as absent.",
        remedy: "Mend the field that the message names.",
      },
      InvalidLastGoodKept: {
        status: "False",
        means:
          "This version is wrong, as the message says; the last good one, whose generation it names, is in force.",
        remedy: "Mend the field that the message names.",
      },
    },
  },
  CredentialAvailable: {
    on: ["Connection"],
    asks: "Can the broker get the credential?",
    reasons: {
      NotNeeded: { status: "True", means: "The Connection needs none (mode `none`).", remedy: NOTHING },
      NamespaceNotEnforced: {
        status: "False",
        means:
          "The namespace does not bear the label `sallyport.dev/enforce`, and only where it does may the broker read Secrets.",
        remedy: "Label the namespace, or keep the Connection and its Secret in one that bears the label.",
      },
      NotLookedAt: {
        status: "Unknown",
        means: "The Connection is not accepted, so nothing was looked up for it.",
        remedy: AFTER_ACCEPTED,
      },
      BrokerNotConnected: {
        status: "Unknown",
        means: "Only the broker may look at Secrets, and no broker has reported.",
        remedy: BROKER,
      },
      BeingLookedAt: {
        status: "Unknown",
        means: "The broker has not looked for this version's credential yet.",
        remedy: "Wait a moment; the condition follows by itself.",
      },
      Available: { status: "True", means: "The broker can get the credential.", remedy: NOTHING },
      MadeWhenUsed: {
        status: "True",
        means:
          "The broker asks the API server for a token of the agent's own pod when one is needed (`kubernetesToken`).",
        remedy: NOTHING,
      },
      SecretMissing: {
        status: "False",
        means: "The Secret that the Connection names is not there, or has no such key.",
        remedy: "Make the Secret, or name the key that it has.",
      },
      SecretNotPermitted: {
        status: "False",
        means:
          "The Secret does not permit this Connection its use for this host, or the broker may not read it.",
        remedy:
          "Annotate the Secret with `sallyport.dev/usable-by: <connection>@<host>`; the namespace has to bear the label `sallyport.dev/enforce`.",
      },
      SecretUnusable: {
        status: "False",
        means: "What the Secret holds under the key is empty, or longer than 4096 bytes.",
        remedy: "Put the credential itself into the Secret.",
      },
      SecretUnreadable: {
        status: "Unknown",
        means: "The broker could not ask the API server for the Secret.",
        remedy: "Wait; when it lasts, look at the broker's log.",
      },
    },
  },
  Selected: {
    on: ["Connection"],
    asks: "Does a policy speak of it?",
    reasons: {
      PoliciesSelect: { status: "True", means: "The policies named speak of it.", remedy: NOTHING },
      NoPolicySelects: {
        status: "False",
        aside: true,
        means: "No policy speaks of it, so every session is refused.",
        remedy: "Write a SecretAccessPolicy in its namespace that selects it, if anybody shall use it.",
      },
      PlanTooLarge: {
        status: "False",
        means:
          "It is closed to the service accounts that the message counts: what they may reach, with the policies that speak of it, comes to more than 256 KiB, and by its name it is behind what fits. The broker's log (`plan.too-large`) names them.",
        remedy:
          "Let fewer policies select those service accounts or this Connection: one policy with several rules in place of many, or narrower subjects.",
      },
      ClosedByBrokenPolicy: {
        status: "False",
        means: "A policy that may speak of it is broken, so nothing passes until that is mended.",
        remedy: "Mend or remove the policy that the message names.",
      },
    },
  },
  Selecting: {
    on: POLICY_KINDS,
    asks: "Does it speak of any Connection?",
    reasons: {
      ConnectionsSelected: { status: "True", means: "It speaks of the Connections named.", remedy: NOTHING },
      NoConnection: {
        status: "False",
        aside: true,
        means: "There is no Connection that it selects.",
        remedy:
          "Compare names and labels under `spec.connections`; a Connection made later is selected then.",
      },
    },
  },
  Enforced: {
    on: POLICY_KINDS,
    asks: "Does every gateway apply this version?",
    reasons: {
      NotLookedAt: {
        status: "Unknown",
        means: "The policy is not accepted, so there is nothing to apply.",
        remedy: AFTER_ACCEPTED,
      },
      BrokerNotConnected: {
        status: "Unknown",
        means: "Gateways report to the broker, and no broker has reported.",
        remedy: BROKER,
      },
      Applying: {
        status: "Unknown",
        means:
          "Not every gateway, or not every replica of the broker, has said that it has come to this version; `status.enforcedBy` counts the gateways.",
        remedy: "Wait; when it lasts, look for replicas and gateways that are not ready.",
      },
      PlanTooLarge: {
        status: "False",
        means:
          "It speaks of Connections that are closed to the service accounts that the message counts, since their plan would be too large. Elsewhere it is applied.",
        remedy: "See Selected of the Connections that it selects.",
      },
      AppliedByAll: {
        status: "True",
        means:
          "Every gateway that it concerns applies this version; there may be none, and those that start get it.",
        remedy: NOTHING,
      },
    },
  },
  KeysAvailable: {
    on: ["IdentityProvider"],
    asks: "Can the broker get the keys that tokens are checked with?",
    reasons: {
      NotLookedAt: {
        status: "Unknown",
        means: "The identity provider is not accepted, so its issuer was not asked.",
        remedy: AFTER_ACCEPTED,
      },
      BrokerNotConnected: {
        status: "Unknown",
        means: "The broker asks issuers for their keys, and no broker has reported.",
        remedy: BROKER,
      },
      BeingLookedAt: {
        status: "Unknown",
        means: "The broker has not asked this version's issuer yet.",
        remedy: "Wait a moment; the condition follows by itself.",
      },
      Available: { status: "True", means: "The broker has the issuer's keys.", remedy: NOTHING },
      IssuerAway: {
        status: "True",
        means:
          "The issuer does not answer. The keys that it had published before are believed for an hour at most.",
        remedy: "See why the broker cannot reach the issuer: its log says `provider.unreachable`.",
      },
      IssuerUnreachable: {
        status: "False",
        means: "The broker has no keys of the issuer, so its tokens are refused (`IDENTITY_UNCHECKED`).",
        remedy:
          "See why the broker cannot reach the issuer, or does not trust its certificate (`spec.ca`): its log says `provider.unreachable` or `provider.unusable`.",
      },
    },
  },
  Believed: {
    on: ["WorkloadController"],
    asks: "Is what its account makes taken to be its owners' authors'?",
    reasons: {
      NotLookedAt: {
        status: "Unknown",
        means: "The controller is not accepted, so nothing was looked up for it.",
        remedy: AFTER_ACCEPTED,
      },
      AccountIsAgent: {
        status: "False",
        means:
          "Its account is in a namespace that bears the label `sallyport.dev/enforce`: pods there are agents, and what an agent makes is its own.",
        remedy: "Run the controller in a namespace of its own, without the label.",
      },
      OwnersUnreadable: {
        status: "False",
        means:
          "Sallyport may not `get` kinds that it owns, so whatever it makes for their objects is refused.",
        remedy:
          "Bind a ClusterRole with `get` on the kinds that the message names to the service accounts `sallyport-operator` and `sallyport-broker`.",
      },
      Registered: {
        status: "True",
        means: "What its account makes for objects of the kinds that it owns is whose they are.",
        remedy: NOTHING,
      },
    },
  },
  Ready: {
    on: ["Connection", ...POLICY_KINDS, "IdentityProvider", "WorkloadController"],
    asks: "Does everything hold that it needs? This is what `kubectl wait --for=condition=Ready` waits for.",
    reasons: {
      AllHold: { status: "True", means: "Everything that it needs holds.", remedy: NOTHING },
      NotAccepted: { status: "False", means: "Accepted is False.", remedy: "See Accepted." },
      ClosedByPolicy: {
        status: "False",
        means: "A broken policy closes the Connection.",
        remedy: "See Selected.",
      },
      Expired: {
        status: "False",
        means: "`spec.expires` has passed: the policy's rules no longer hold.",
        remedy: "Remove the policy, or set a later `spec.expires`.",
      },
      CredentialUnavailable: {
        status: "False",
        means: "The broker cannot get the credential.",
        remedy: "See CredentialAvailable.",
      },
      CredentialUnknown: {
        status: "Unknown",
        means: "Whether there is a credential is not known.",
        remedy: "See CredentialAvailable.",
      },
      EnforcementUnknown: {
        status: "Unknown",
        means: "Whether gateways apply this version is not known.",
        remedy: "See Enforced.",
      },
      ClosedForRoom: {
        status: "False",
        means: "For some service accounts there is no room for it in the plan of their gateways.",
        remedy: "See Selected of a Connection, Enforced of a policy.",
      },
      KeysUnavailable: {
        status: "False",
        means: "The keys that tokens are checked with cannot be had.",
        remedy: "See KeysAvailable.",
      },
      KeysUnknown: {
        status: "Unknown",
        means: "Whether tokens can be checked is not known.",
        remedy: "See KeysAvailable.",
      },
      NotBelieved: {
        status: "False",
        means: "The controller is registered, and not believed.",
        remedy: "See Believed.",
      },
    },
  },
  "sallyport.dev/Enforced": {
    on: ["Namespace"],
    asks: "Does every pod made here get the gateway?",
    reasons: {
      GatewayInjected: {
        status: "True",
        means:
          "Every pod made here gets the gateway or is refused. Pods that were there before are as they were.",
        remedy: "Restart workloads that are older than the label.",
      },
      PodSecurityForbidsGateway: {
        status: "False",
        means:
          "The namespace's Pod Security level refuses `gw-init`, which needs NET_ADMIN to redirect the pod's traffic; so no pod can be made here.",
        remedy:
          "`kubectl label namespace NAME --overwrite pod-security.kubernetes.io/enforce=privileged`. Sallyport's own check of pods stands in its place: docs/pod-shape.md says what it refuses.",
      },
      RootlessUnknown: {
        status: "False",
        means: "The label `sallyport.dev/rootless` has a value that is not known; every pod is refused.",
        remedy: "Set it to `deny`, `force` or `rootNoCaps`, or remove it.",
      },
      NamespaceExcluded: {
        status: "False",
        means: "This namespace runs the cluster or Sallyport itself; its pods are never given the gateway.",
        remedy: "Remove the label, and run agents in a namespace of their own.",
      },
    },
  },
} as const satisfies Readonly<Record<string, Condition>>;

export type ConditionType = keyof typeof CONDITIONS;
export type ReasonOf<Type extends ConditionType> = keyof (typeof CONDITIONS)[Type]["reasons"] & string;

/** One answer. Its status is that of its reason. */
export interface Finding {
  readonly type: ConditionType;
  readonly reason: string;
  readonly message: string;
}

/** Without a message, what the reason means. */
export function finding<Type extends ConditionType>(
  type: Type,
  reason: ReasonOf<Type>,
  message: string = reasonOf(type, reason).means,
): Finding {
  return { type, reason, message };
}

export function reasonOf(type: ConditionType, reason: string): Reason {
  const reasons: Readonly<Record<string, Reason>> = CONDITIONS[type].reasons;
  const found = reasons[reason];
  if (found === undefined) throw new Error(`${type} has no reason ${reason}`);
  return found;
}

export function statusOf({ type, reason }: Pick<Finding, "type" | "reason">): ConditionStatus {
  return reasonOf(type, reason).status;
}
