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
{{- range list "labels" "annotations" }}
- expression: |-
    object.metadata.?{{ . }}.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }} || object.metadata.{{ . }}[?key] == oldObject.metadata.?{{ . }}[?key])
    && oldObject.metadata.?{{ . }}.orValue({}).all(key, !{{ include "sallyport.isReserved" "key" }} || object.metadata.?{{ . }}[?key].hasValue())
  message: "metadata.{{ . }}: those below sallyport.dev/ are Sallyport's, and stay as they are. Fix: leave them alone."
{{- end }}
{{- end }}

{{/* Of a label or annotation: the variable that has its key. */}}
{{- define "sallyport.isReserved" -}}
({{ . }}.lowerAscii().startsWith('sallyport.dev/') || {{ . }}.lowerAscii().contains('.sallyport.dev/'))
{{- end }}
