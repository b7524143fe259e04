{{/*
Our two containers and three volumes as operator/admission/pod/render.ts makes them, field by field, with the defaults of the API
server. What begins with `cel:` is an expression; images, resources, pull policy and the name servers are held by rules of their own.
*/}}

{{- define "sallyport.initShape" -}}
name: gw-init
args: ["cel:'--uid=' + string(variables.uid)", --capture=15001, --dns=15053, --reserved=15000-15099]
securityContext:
  {{- include "sallyport.gatewaySecurity" 65533 | nindent 2 }}
  capabilities: {drop: [ALL], add: [NET_ADMIN]}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{- define "sallyport.gatewayShape" -}}
name: gw
restartPolicy: Always
ports: [{name: gw-health, containerPort: 15021, protocol: TCP}]
startupProbe: {{ include "sallyport.gatewayProbe" (list "/startz" 1 60) }}
readinessProbe: {{ include "sallyport.gatewayProbe" (list "/readyz" 5 3) }}
livenessProbe: {{ include "sallyport.gatewayProbe" (list "/livez" 10 6) }}
securityContext:
  {{- include "sallyport.gatewaySecurity" "cel:variables.uid" | nindent 2 }}
  capabilities: {drop: [ALL]}
volumeMounts:
  - {name: gw-token, mountPath: /var/run/sallyport/token, readOnly: true}
  - {name: gw-state, mountPath: /var/run/sallyport/state}
  - {name: gw-ca, mountPath: /var/run/sallyport/ca}
terminationMessagePath: /dev/termination-log
terminationMessagePolicy: FallbackToLogsOnError
{{- end }}

{{/* But for GW_RESOLVERS, which the operator may have looked up. */}}
{{- define "sallyport.gatewayEnvironment" -}}
- {name: GW_BROKER, value: {{ include "sallyport.broker" . | quote }}}
- {name: POD_NAME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}
- {name: POD_NAMESPACE, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.namespace}}}
- {name: POD_UID, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.uid}}}
- {name: NODE_NAME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: spec.nodeName}}}
{{- end }}

{{- define "sallyport.gatewayVolumes" -}}
- name: gw-token
  projected:
    defaultMode: 292
    sources:
      - serviceAccountToken: {audience: sallyport.dev/broker, expirationSeconds: 600, path: token}
      - configMap: {name: sallyport-authority, items: [{key: ca.pem, path: ca.pem}], optional: true}
- {name: gw-state, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
- {name: gw-ca, emptyDir: {medium: Memory, sizeLimit: 1Mi}}
{{- end }}

{{/* Takes a list: the path, the period in seconds, the failures that are too many. */}}
{{- define "sallyport.gatewayProbe" -}}
{httpGet: {path: {{ index . 0 }}, port: 15021, scheme: HTTP}, timeoutSeconds: 1, successThreshold: 1, periodSeconds: {{ index . 1 }}, failureThreshold: {{ index . 2 }}}
{{- end }}

{{- define "sallyport.gatewaySecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
privileged: false
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/*
A list of rules, {field, is}, that hold a container to a shape. Takes a dict: `container` (the variable), `images`, `shape`,
`resources`, `pullPolicy`, `more` (fields that it may have beside).
*/}}
{{- define "sallyport.shapeRules" -}}
{{- $c := .container -}}
{{- $keys := concat (keys .shape | sortAlpha) (list "image" "imagePullPolicy" "resources") .more -}}
- field: ""
  is: {{ printf "%s.all(key, key in [%s])" $c (include "sallyport.quoted" $keys) | quote }}
{{- range $field, $value := .shape }}
- field: .{{ $field }}
  is: {{ printf "%s[?'%s'] == optional.of(%s)" $c $field (include "sallyport.cel" $value) | quote }}
{{- end }}
# While an upgrade rolls out, the operators that still run put in what they know.
- field: .image
  is: {{ printf "%s.image in [%s]" $c (include "sallyport.quoted" .images) | quote }}
# AlwaysPullImages asks for a pull.
- field: .imagePullPolicy
  is: {{ printf "%s.?imagePullPolicy.orValue('') in [%s]" $c (include "sallyport.quoted" (uniq (list "Always" .pullPolicy))) | quote }}
# A LimitRange adds what we do not say, of these three: another name may be a device, and bring variables and mounts with it.
- field: .resources
  is: {{ printf "%s.?resources.orValue({}).all(part, part in ['requests', 'limits'] && %s.resources[part].all(name, name in ['cpu', 'memory', 'ephemeral-storage']))" $c $c | quote }}
{{- range $part, $amounts := .resources }}{{ range $name, $amount := $amounts }}
- field: .resources.{{ $part }}.{{ $name }}
  is: {{ printf "quantity(%s.?resources[?'%s'][?'%s'].orValue('-1')).compareTo(quantity('%v')) == 0" $c $part $name $amount | quote }}
{{- end }}{{ end }}
{{- end }}

{{/* A value as a literal of CEL, in which the members of a list or map would otherwise have to be of one type. */}}
{{- define "sallyport.cel" -}}
{{- if kindIs "map" . -}}
{ {{- range $index, $key := keys . | sortAlpha }}{{ if $index }}, {{ end }}{{ squote $key }}: dyn({{ include "sallyport.cel" (index $ $key) }}){{ end -}} }
{{- else if kindIs "slice" . -}}
[{{- range $index, $item := . }}{{ if $index }}, {{ end }}dyn({{ include "sallyport.cel" $item }}){{ end -}}]
{{- else if kindIs "string" . -}}
{{- if hasPrefix "cel:" . }}{{ trimPrefix "cel:" . }}{{ else }}{{ squote . }}{{ end }}
{{- else if kindIs "float64" . -}}
{{ int64 . }}
{{- else -}}
{{ . }}
{{- end -}}
{{- end }}
