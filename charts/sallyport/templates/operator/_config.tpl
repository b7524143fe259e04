{{/* As YAML, which is then printed as JSON: what the operator is told when it starts. */}}
{{- define "sallyport.operatorConfig" -}}
{{- $service := printf "sallyport-webhook.%s" .Release.Namespace -}}
namespace: {{ .Release.Namespace }}
configMap: sallyport-operator
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
  {{- include "sallyport.injection" . | nindent 2 }}
networkPolicy:
  enabled: {{ .Values.networkPolicy.enabled }}
  {{- with .Values.networkPolicy.metricsFromNamespaces }}
  metricsFromNamespaces: {{ toJson . }}
  {{- end }}
{{- end }}

{{/* What pods are made with, and checked against: by the operator, and by the broker at every exchange. */}}
{{- define "sallyport.injection" -}}
{{- include "sallyport.rendering" . }}
rootless: {{ .Values.rootless }}
{{- with include "sallyport.former" . | fromJsonArray }}
former: {{ toJson . }}
{{- end }}
{{- end }}

{{/* What a pod is injected with; checked pods may have a former one. */}}
{{- define "sallyport.rendering" -}}
images:
  init: {{ include "sallyport.image" (list . "init") }}
  gateway: {{ include "sallyport.image" (list . "gateway") }}
pullPolicy: {{ .Values.images.gateway.pullPolicy }}
resolvers: {{ toJson .Values.resolvers }}
broker: {{ include "sallyport.broker" . }}
resources:
  init: {{ include "sallyport.quantities" .Values.gateway.initResources }}
  gateway: {{ include "sallyport.quantities" .Values.gateway.resources }}
{{- end }}

{{/* A number is a quantity too. */}}
{{- define "sallyport.quantities" -}}
{{- $all := dict -}}
{{- range $part, $amounts := . }}
{{- $texts := dict -}}
{{- range $name, $amount := $amounts }}{{ $_ := set $texts $name (toString $amount) }}{{ end -}}
{{- $_ := set $all $part $texts -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{/*
Every other rendering that running pods may have, as JSON: those in the values, and what the release that is being upgraded has and
had. The same values twice are the same list twice, so that an upgrade that changes nothing changes nothing here.
*/}}
{{- define "sallyport.former" -}}
{{- $present := include "sallyport.rendering" . | fromYaml -}}
{{- $candidates := .Values.former -}}
{{- with (lookup "v1" "ConfigMap" .Release.Namespace "sallyport-operator") -}}
{{- $injection := (get .data "operator.json" | fromJson).injection | default dict -}}
{{- if $injection -}}
{{- $candidates = concat $candidates (list (omit $injection "former" "rootless")) ($injection.former | default list) -}}
{{- end -}}
{{- end -}}
{{- $former := list -}}
{{- range $candidates }}{{ if not (deepEqual . $present) }}{{ $former = append $former . }}{{ end }}{{ end -}}
{{ toJson (slice (uniq $former) 0 (min 16 (len (uniq $former)))) }}
{{- end }}
