{{/*
The webhook configurations, once: as objects of the release, and in the operator's configuration, from which it mends them.
Without `caBundle`, which is the operator's alone to write: an upgrade must not take it away.
*/}}

{{- define "sallyport.webhooks" -}}
{{- $selected := include "sallyport.enforced" . | fromYaml -}}
- apiVersion: admissionregistration.k8s.io/v1
  kind: MutatingWebhookConfiguration
  metadata:
    {{- include "sallyport.webhookMetadata" . | nindent 4 }}
  webhooks:
    - name: pods.mutate.sallyport.dev
      {{- include "sallyport.webhook" (list . "/mutate/pods") | nindent 6 }}
      # Whoever changes a pod after us is answered by a second look.
      reinvocationPolicy: IfNeeded
      namespaceSelector: {{ toJson $selected }}
      rules:
        - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods], scope: Namespaced}
        - apiGroups: [""]
          apiVersions: [v1]
          operations: [UPDATE]
          resources: [pods/ephemeralcontainers]
          scope: Namespaced
      {{- include "sallyport.notMirrors" . | nindent 6 }}
    - name: workloads.mutate.sallyport.dev
      {{- include "sallyport.webhook" (list . "/mutate/workloads") | nindent 6 }}
      reinvocationPolicy: IfNeeded
      namespaceSelector: {{ toJson $selected }}
      rules:
        {{- include "sallyport.workloads" (list "CREATE" "UPDATE") | nindent 8 }}
- apiVersion: admissionregistration.k8s.io/v1
  kind: ValidatingWebhookConfiguration
  metadata:
    {{- include "sallyport.webhookMetadata" . | nindent 4 }}
  webhooks:
    - name: pods.validate.sallyport.dev
      {{- include "sallyport.webhook" (list . "/validate/pods") | nindent 6 }}
      namespaceSelector: {{ toJson $selected }}
      rules:
        - {apiGroups: [""], apiVersions: [v1], operations: [CREATE, UPDATE], resources: [pods], scope: Namespaced}
        - apiGroups: [""]
          apiVersions: [v1]
          operations: [UPDATE]
          resources: [pods/ephemeralcontainers, pods/resize]
          scope: Namespaced
      {{- include "sallyport.notMirrors" . | nindent 6 }}
    - name: workloads.validate.sallyport.dev
      {{- include "sallyport.webhook" (list . "/validate/workloads") | nindent 6 }}
      namespaceSelector: {{ toJson $selected }}
      rules:
        {{- include "sallyport.workloads" (list "CREATE" "UPDATE") | nindent 8 }}
    - name: kinds.validate.sallyport.dev
      {{- include "sallyport.webhook" (list . "/validate/kinds") | nindent 6 }}
      rules:
        - apiGroups: [sallyport.dev]
          apiVersions: ["*"]
          operations: [CREATE, UPDATE]
          resources: ["*"]
          scope: "*"
{{- end }}

{{- define "sallyport.webhookMetadata" -}}
name: sallyport
# As helm marks what it applies: what the operator has to make anew stays the release's.
annotations:
  meta.helm.sh/release-name: {{ .Release.Name }}
  meta.helm.sh/release-namespace: {{ .Release.Namespace }}
labels:
  {{- include "sallyport.labels" . | nindent 2 }}
{{- end }}

{{/* Takes a list: the root, the path. */}}
{{- define "sallyport.webhook" -}}
admissionReviewVersions: [v1]
clientConfig:
  service: {name: sallyport-webhook, namespace: {{ (index . 0).Release.Namespace }}, port: 443, path: {{ index . 1 }}}
failurePolicy: Fail
matchPolicy: Equivalent
sideEffects: None
timeoutSeconds: {{ int (index . 0).Values.webhook.timeoutSeconds }}
{{- end }}

{{/*
Mirror pods, which stand for what a node runs out of its own files. The mark alone anybody writes, and the group alone is no node;
NodeRestriction holds a node to pods of its own, and no mirror pod may have a token.
*/}}
{{- define "sallyport.notMirrors" -}}
matchConditions:
  - name: not-a-mirror
    expression: "!('system:nodes' in request.userInfo.groups && request.userInfo.username.startsWith('system:node:') && object.metadata.?annotations[?'kubernetes.io/config.mirror'].hasValue())"
{{- end }}

{{/* What pods are made from, on which it is stamped whose it is. Takes a list of operations. */}}
{{- define "sallyport.workloads" -}}
- apiGroups: [apps]
  apiVersions: [v1]
  operations: {{ toJson . }}
  resources: [deployments, statefulsets, daemonsets, replicasets, controllerrevisions]
  scope: Namespaced
- apiGroups: [batch]
  apiVersions: [v1]
  operations: {{ toJson . }}
  resources: [jobs, cronjobs]
  scope: Namespaced
- apiGroups: [""]
  apiVersions: [v1]
  operations: {{ toJson . }}
  resources: [replicationcontrollers]
  scope: Namespaced
{{- end }}
