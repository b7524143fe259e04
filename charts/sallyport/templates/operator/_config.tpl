{{/* As YAML, which is then printed as JSON: what the operator is told when it starts. */}}
{{- define "sallyport.operatorConfig" -}}
{{- $service := printf "sallyport-webhook.%s" .Release.Namespace -}}
namespace: {{ .Release.Namespace }}
logLevel: {{ .Values.operator.logLevel }}
webhook:
  listen: {host: {{ .Values.listenAddress | quote }}, port: 9443}
  names: [{{ $service }}, {{ $service }}.svc]
  authoritySecret: sallyport-webhook-ca
  {{- if .Values.webhook.clientCertificate.configMap }}
  clientCertificate:
    caFile: /etc/sallyport/api-server/ca.crt
    {{- with .Values.webhook.clientCertificate.commonNames }}
    commonNames: {{ toJson . }}
    {{- end }}
  {{- end }}
  owner: sallyport-operator
  configurations:
    {{- include "sallyport.webhooks" . | nindent 4 }}
observability: {host: {{ .Values.listenAddress | quote }}, port: 9090}
lease: sallyport-operator
drainSeconds: 5
injection:
  images:
    init: {{ include "sallyport.image" (list . "init") }}
    gateway: {{ include "sallyport.image" (list . "gateway") }}
  pullPolicy: {{ .Values.images.gateway.pullPolicy }}
  resolvers: {{ toJson .Values.resolvers }}
  broker: {{ include "sallyport.broker" . }}
  resources:
    init: {{ toJson .Values.gateway.initResources }}
    gateway: {{ toJson .Values.gateway.resources }}
  rootless: {{ .Values.rootless }}
networkPolicy:
  enabled: {{ .Values.networkPolicy.enabled }}
{{- end }}
