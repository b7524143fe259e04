{{/*
Backstop of the webhooks: judged inside the API server, in force when our webhook configurations are gone. What a policy says of a
pod is said again by operator/admission/pod, and by the broker at every exchange; names are those of operator/names.ts, held equal
by a test.
*/}}

{{/* Takes a list: the root, the name. Opens the policy and leaves off inside `spec`. */}}
{{- define "sallyport.policy" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "sallyport.labels" (index . 0) | nindent 4 }}
spec:
  policyName: {{ index . 1 }}
  validationActions: [Deny]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "sallyport.labels" (index . 0) | nindent 4 }}
spec:
  failurePolicy: Fail
{{- end }}

{{/* A list of strings, as CEL writes them between its brackets. */}}
{{- define "sallyport.quoted" -}}
{{- range $index, $text := . }}{{ if $index }}, {{ end }}{{ squote $text }}{{ end }}
{{- end }}

{{/* Of an update: our labels and annotations are what they were. */}}
{{- define "sallyport.metadataUnchanged" -}}
{{- include "sallyport.labelsUnchanged" . }}
{{ include "sallyport.keysUnchanged" "annotations" }}
{{- end }}

{{- define "sallyport.labelsUnchanged" -}}
{{- include "sallyport.keysUnchanged" "labels" }}
{{- end }}

{{- define "sallyport.keysUnchanged" -}}
- expression: |-
    object.metadata.?{{ . }}.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }} || object.metadata.{{ . }}[?key] == oldObject.metadata.?{{ . }}[?key])
    && oldObject.metadata.?{{ . }}.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }} || object.metadata.?{{ . }}[?key].hasValue())
  message: "metadata.{{ . }}: those below sallyport.dev/ are Sallyport's, and stay as they are. Fix: leave them alone."
{{- end }}

{{/* Variables: each fact of an origin, and what the request says of it. */}}
{{- define "sallyport.originStamps" -}}
- name: extra
  expression: "request.userInfo.?extra.orValue({})"
- name: stamps
  expression: |-
    [
      ['sallyport.dev/origin-user', request.userInfo.username],
      ['sallyport.dev/origin-uid', request.userInfo.?uid.orValue('')],
      ['sallyport.dev/origin-groups', request.userInfo.?groups.orValue([]).join('\n')],
      ['sallyport.dev/origin-pod-name', variables.extra[?'authentication.kubernetes.io/pod-name'].orValue([]).join('\n')],
      ['sallyport.dev/origin-pod-uid', variables.extra[?'authentication.kubernetes.io/pod-uid'].orValue([]).join('\n')],
      ['sallyport.dev/origin-node-name', variables.extra[?'authentication.kubernetes.io/node-name'].orValue([]).join('\n')],
      ['sallyport.dev/origin-credential', variables.extra[?'authentication.kubernetes.io/credential-id'].orValue([]).join('\n')]
    ]
{{- end }}

{{/* Whose it is that a controller made, and when it changed hands: in the policy sallyport-authors it stands who may write that. */}}
{{- define "sallyport.authorKeys" -}}
{{- range $fact := list "from" "user" "uid" "groups" "pod-name" "pod-uid" "node-name" "credential" }}'sallyport.dev/author-{{ $fact }}', {{ end -}}
'sallyport.dev/restamped-at'
{{- end }}

{{/* Of an annotation: the variable that has its key. */}}
{{- define "sallyport.isStamp" -}}
({{ . }}.startsWith('sallyport.dev/origin-') || {{ . }}.startsWith('sallyport.dev/author-') || {{ . }} == 'sallyport.dev/restamped-at')
{{- end }}

{{/* Of a workload: what pods, and Jobs, are made from. */}}
{{- define "sallyport.templates" -}}
[?dyn(object).?spec.?template, ?dyn(object).?spec.?jobTemplate, ?dyn(object).?spec.?jobTemplate.?spec.?template]
{{- end }}

{{/* Controllers copy what stands in templates, and are believed whose their pods are. Takes what makes an exception. */}}
{{- define "sallyport.plainTemplates" -}}
- expression: >-
    {{ . }} || {{ include "sallyport.templates" . }}.all(template,
    template.?metadata.?annotations.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }})
    && template.?metadata.?labels.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }}))
  message: "spec.template.metadata: labels and annotations below sallyport.dev/ are Sallyport's, and not for templates. Fix: leave them out."
{{- end }}

{{/* Of a label or annotation: the variable that has its key. */}}
{{- define "sallyport.isReserved" -}}
({{ . }}.lowerAscii().startsWith('sallyport.dev/') || {{ . }}.lowerAscii().contains('.sallyport.dev/'))
{{- end }}
