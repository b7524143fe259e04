/** For each alert: series with which somebody is called, in which words, and series with which nobody is. One sample a minute. */

/** By the name and labels of a series: its values, in promtool's notation. */
export type Series = Readonly<Record<string, string>>;

export interface AlertCase {
  readonly firing: Series;
  /** Minutes after which it fires. */
  readonly after: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly summary: string;
  /** As near to it as it gets without anybody being called. */
  readonly quiet: Series;
}

const bucket = (name: string, labels: string, le: string): string => `${name}_bucket{${labels}le="${le}"}`;

/** `below` of a hundred observations a minute are at most `le`, and all of them at most 10. */
const histogram = (name: string, labels: string, le: string, below: number): Series => ({
  [bucket(name, labels, le)]: `0+${below}x60`,
  [bucket(name, labels, "10")]: "0+100x60",
  [bucket(name, labels, "+Inf")]: "0+100x60",
});

const gateway = 'agent="shop/planner-x7k2p"';

const BROKER: Readonly<Record<string, AlertCase>> = {
  SallyportBrokerAbsent: {
    firing: {},
    after: 5,
    summary: "No broker is scraped. Without one no agent gets a session.",
    quiet: { 'sallyport_trail_ready{pod="sallyport-broker-0"}': "0x60" },
  },
  SallyportTrailNotWritable: {
    firing: { 'sallyport_trail_ready{pod="sallyport-broker-0"}': "1x4 0x60" },
    after: 6,
    labels: { pod: "sallyport-broker-0" },
    summary:
      "The broker sallyport-broker-0 cannot write its trail, and refuses whatever has to be on record first.",
    quiet: { 'sallyport_trail_ready{pod="sallyport-broker-0"}': "1x4 0 1x60" },
  },
  SallyportBrokerProblems: {
    firing: { 'sallyport_problems{instance="10.0.0.4:9090"}': "3x60" },
    after: 10,
    labels: { instance: "10.0.0.4:9090" },
    summary: "The broker 10.0.0.4:9090 says that 3 things are not as they should be.",
    quiet: { 'sallyport_problems{instance="10.0.0.4:9090"}': "3x8 0 3x9 0x60" },
  },
  SallyportPlanTooLarge: {
    firing: { sallyport_plan_left_out: "2x60" },
    after: 5,
    summary: "2 Connections are closed to some agents, since their plan has no room for them.",
    quiet: { sallyport_plan_left_out: "2x3 0x60" },
  },
  SallyportPolicyNotInForce: {
    firing: { [`sallyport_agent_plan_applied{${gateway}}`]: "1x3 0x60" },
    after: 5,
    labels: { agent: "shop/planner-x7k2p" },
    summary:
      "The gateway of shop/planner-x7k2p decides by an old plan; what was taken away since is not taken away there.",
    quiet: {
      [`sallyport_agent_plan_applied{${gateway}}`]: "1x3 0 1x60",
      'sallyport_plan_applied{worker="1"}': "1x60",
    },
  },
  SallyportPolicySlow: {
    firing: histogram("sallyport_plan_apply_seconds", "", "1", 98),
    after: 21,
    summary: "One in a hundred gateways takes 5.5s or more to put a change of policy in force.",
    quiet: histogram("sallyport_plan_apply_seconds", "", "1", 99),
  },
  SallyportExchangesFail: {
    firing: {
      'sallyport_exchanges_total{operation="exchange",code="GRANTED"}': "0+90x60",
      'sallyport_exchanges_total{operation="exchange",code="CREDENTIAL_UNAVAILABLE"}': "0+10x60",
    },
    after: 10,
    labels: { operation: "exchange" },
    summary: "10% of the broker's answers to exchange are failures.",
    quiet: {
      'sallyport_exchanges_total{operation="exchange",code="GRANTED"}': "0+10x60",
      'sallyport_exchanges_total{operation="exchange",code="DENY_NO_RULE"}': "0+90x60",
    },
  },
  SallyportExchangesSlow: {
    firing: histogram("sallyport_exchange_seconds", 'operation="renew",', "2.5", 98),
    after: 21,
    labels: { operation: "renew" },
    summary: "One in a hundred waits 6.25s or more for the broker's answer to renew.",
    quiet: histogram("sallyport_exchange_seconds", 'operation="renew",', "2.5", 99),
  },
  SallyportPodKeyRefused: {
    firing: { 'sallyport_enrolments_total{code="POD_KEY_REFUSED"}': "0x5 1x60" },
    after: 7,
    summary: "Another key than a pod's own asked to speak for it.",
    quiet: { 'sallyport_enrolments_total{code="POD_KEY_REFUSED"}': "1x60" },
  },
  SallyportEnrolmentsFail: {
    firing: {
      'sallyport_enrolments_total{code="GRANTED"}': "0+1x60",
      'sallyport_enrolments_total{code="POD_UNCHECKED"}': "0+1x60",
    },
    after: 20,
    summary: "50% of the pods that ask for a certificate are refused it.",
    quiet: {
      'sallyport_enrolments_total{code="GRANTED"}': "0+9x60",
      'sallyport_enrolments_total{code="POD_UNCHECKED"}': "0+1x60",
    },
  },
};

const GATEWAYS: Readonly<Record<string, AlertCase>> = {
  SallyportGatewaysWithoutBroker: {
    firing: {
      'sallyport_broker_connected{agent="shop/a"}': "1x60",
      'sallyport_broker_connected{agent="shop/b"}': "0x60",
    },
    after: 3,
    summary: "50% of all gateways have no connection to a broker.",
    quiet: {
      'sallyport_broker_connected{agent="shop/a"}': "1x60",
      'sallyport_broker_connected{agent="shop/b"}': "0 1x60",
    },
  },
  SallyportGatewayWithoutBroker: {
    firing: { [`sallyport_broker_connected{${gateway}}`]: "0x60" },
    after: 5,
    labels: { agent: "shop/planner-x7k2p" },
    summary: "The gateway of shop/planner-x7k2p has no connection to a broker.",
    quiet: { [`sallyport_broker_connected{${gateway}}`]: "0x3 1x60" },
  },
  SallyportGatewayNotWelcome: {
    firing: { [`sallyport_broker_refusals_total{${gateway},code="POD_UNTRUSTED"}`]: "0+1x60" },
    after: 7,
    labels: { agent: "shop/planner-x7k2p", code: "POD_UNTRUSTED" },
    summary: "The broker will not have the gateway of shop/planner-x7k2p (POD_UNTRUSTED).",
    quiet: { [`sallyport_broker_refusals_total{${gateway},code="POD_UNTRUSTED"}`]: "1x60" },
  },
  SallyportGatewayRestarts: {
    firing: { [`sallyport_gateway_restarts{${gateway}}`]: "0x10 2 4x60" },
    after: 60,
    labels: { agent: "shop/planner-x7k2p" },
    summary: "The gateway of shop/planner-x7k2p was started again 4 times within an hour.",
    quiet: { [`sallyport_gateway_restarts{${gateway}}`]: "0x10 1x60" },
  },
  SallyportTrailWindowFull: {
    firing: { [`sallyport_trail_window_fullness{${gateway}}`]: "0.95x60" },
    after: 2,
    labels: { agent: "shop/planner-x7k2p" },
    summary: "Events wait for the trail, and shop/planner-x7k2p is being slowed down.",
    quiet: { [`sallyport_trail_window_fullness{${gateway}}`]: "0.9x60" },
  },
  SallyportParserFaults: {
    firing: { [`sallyport_parser_faults{${gateway}}`]: "0x5 1x60" },
    after: 8,
    labels: { agent: "shop/planner-x7k2p" },
    summary: "A statement broke the parser in the gateway of shop/planner-x7k2p; it was refused.",
    quiet: { [`sallyport_parser_faults{${gateway}}`]: "1x60" },
  },
  SallyportMostRefused: {
    firing: {
      'sallyport_requests_total{connection="shop/orders",outcome="deny",code="DENY_NO_RULE"}': "0+120x60",
      'sallyport_requests_total{connection="shop/orders",outcome="allow",code="ALLOW_RULE"}': "0+60x60",
    },
    after: 15,
    labels: { connection: "shop/orders" },
    summary: "Most of what agents ask of shop/orders is refused, 2 requests a second.",
    quiet: {
      'sallyport_requests_total{connection="shop/orders",outcome="deny",code="DENY_NO_RULE"}': "0+120x60",
      'sallyport_requests_total{connection="shop/orders",outcome="allow",code="ALLOW_RULE"}': "0+120x60",
    },
  },
};

const OPERATOR: Readonly<Record<string, AlertCase>> = {
  SallyportOperatorAbsent: {
    firing: {},
    after: 5,
    summary: "No operator is scraped. Without one no pod starts in enforced namespaces.",
    quiet: { 'sallyport_webhook_configuration_intact{configuration="mutating/sallyport"}': "0x60" },
  },
  SallyportWebhookNotIntact: {
    firing: {
      'sallyport_webhook_configuration_intact{configuration="mutating/sallyport",pod="a"}': "0x60",
      'sallyport_webhook_configuration_intact{configuration="mutating/sallyport",pod="b"}': "0x60",
    },
    after: 1,
    labels: { configuration: "mutating/sallyport" },
    summary: "mutating/sallyport is missing, does not fail closed, or trusts no replica.",
    quiet: {
      'sallyport_webhook_configuration_intact{configuration="mutating/sallyport",pod="a"}': "0x60",
      'sallyport_webhook_configuration_intact{configuration="mutating/sallyport",pod="b"}': "1x60",
    },
  },
  SallyportWebhookTouched: {
    firing: {
      'sallyport_webhook_configurations_restored_total{configuration="validating/sallyport",damage="deleted"}':
        "0x5 1x60",
    },
    after: 8,
    labels: { configuration: "validating/sallyport", damage: "deleted" },
    summary: "Somebody has deleted validating/sallyport; it was restored.",
    quiet: {
      'sallyport_webhook_configurations_restored_total{configuration="validating/sallyport",damage="caBundle"}':
        "0x5 1x60",
    },
  },
  SallyportAdmissionUnjudged: {
    firing: {
      'sallyport_admission_reviews_total{webhook="pods",outcome="unjudged",reason="deadline"}': "0+1x60",
    },
    after: 8,
    labels: { webhook: "pods", reason: "deadline" },
    summary: "Reviews of pods are refused without having been judged (deadline).",
    quiet: { 'sallyport_admission_reviews_total{webhook="pods",outcome="refused",reason=""}': "0+1x60" },
  },
  SallyportAdmissionSlow: {
    firing: histogram("sallyport_admission_seconds", 'webhook="pods",', "1", 98),
    after: 21,
    labels: { webhook: "pods" },
    summary: "One in a hundred reviews of pods takes 5.5s or more.",
    quiet: histogram("sallyport_admission_seconds", 'webhook="pods",', "1", 99),
  },
  SallyportAdmissionStrangers: {
    firing: { 'sallyport_admission_turned_away_total{reason="caller"}': "0x5 1x60" },
    after: 7,
    summary: "Somebody who is not the API server asks the admission port.",
    quiet: { 'sallyport_admission_turned_away_total{reason="busy"}': "0x5 1x60" },
  },
  SallyportNoLeader: {
    firing: { 'sallyport_leader{pod="a"}': "1x5 0x60", 'sallyport_leader{pod="b"}': "0x60" },
    after: 8,
    summary:
      "No replica of the operator leads, so conditions, owned objects and webhook configurations are not kept.",
    quiet: { 'sallyport_leader{pod="a"}': "1x5 0x60", 'sallyport_leader{pod="b"}': "0x6 1x60" },
  },
  SallyportWatchQuiet: {
    firing: { 'sallyport_watch_quiet_seconds{store="pods",pod="sallyport-operator-a"}': "0+60x60" },
    after: 3,
    labels: { store: "pods", pod: "sallyport-operator-a" },
    summary: "sallyport-operator-a has heard nothing of pods for 3m 0s.",
    quiet: { 'sallyport_watch_quiet_seconds{store="pods",pod="sallyport-operator-a"}': "75x60" },
  },
  SallyportReconcilesFail: {
    firing: { 'sallyport_reconciles_total{controller="policies",outcome="failed"}': "0+1x60" },
    after: 20,
    labels: { controller: "policies" },
    summary: "The controller policies keeps failing.",
    quiet: { 'sallyport_reconciles_total{controller="policies",outcome="failed"}': "0+1x3 3x60" },
  },
  SallyportCertificateEnds: {
    firing: { 'sallyport_serving_certificate_ends_seconds{pod="sallyport-operator-a"}': "7200x60" },
    after: 20,
    labels: { pod: "sallyport-operator-a" },
    summary: "The serving certificate of sallyport-operator-a ends in 1h 40m 0s and was not replaced.",
    quiet: { 'sallyport_serving_certificate_ends_seconds{pod="sallyport-operator-a"}': "604800x60" },
  },
};

export const ALERT_CASES: Readonly<Record<string, AlertCase>> = { ...BROKER, ...GATEWAYS, ...OPERATOR };
