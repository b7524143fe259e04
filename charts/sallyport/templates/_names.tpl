{{/* Names are fixed: there is one Sallyport in a cluster, and policies, roles and pods refer to it by name. */}}

{{- define "sallyport.labels" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* What never changes, for selectors. Takes a list: the root, the component. */}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* Takes a list: the root, the key below `images`. */}}
{{- define "sallyport.image" -}}
{{- $image := index (index . 0).Values.images (index . 1) -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ $image.tag | default (index . 0).Chart.AppVersion }}
{{- end -}}
{{- end }}

{{- define "sallyport.broker" -}}
sallyport-broker.{{ .Release.Namespace }}.svc:8443
{{- end }}

{{/* Namespaces whose pods get the gateway. Ours and the cluster's own never do: with us down, nothing could start us again. */}}
{{- define "sallyport.enforced" -}}
matchExpressions:
  - {key: sallyport.dev/enforce, operator: Exists}
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values: [kube-system, {{ .Release.Namespace | quote }}]
{{- end }}

{{- define "sallyport.apiServerPeers" -}}
{{- range .Values.networkPolicy.apiServerCidrs }}
- ipBlock: {cidr: {{ . | quote }}}
{{- end }}
{{- end }}
