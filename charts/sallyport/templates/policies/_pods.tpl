{{/*
Lists of containers and volumes are `dyn`, since the API server takes the members of each list for a type of its own. Ours are
known by name; that those names stand where they must is sallyport-pod-gateway's to say.
*/}}
{{- define "sallyport.podVariables" -}}
- name: inits
  expression: "dyn(object.spec.?initContainers.orValue([]))"
- name: others
  expression: "dyn(object.spec.containers) + variables.inits.filter(c, !(c.name in ['gw-init', 'gw']))"
- name: uid
  expression: "variables.inits.filter(c, c.name == 'gw').map(c, c.?securityContext.?runAsUser.orValue(-1))"
- name: pod
  expression: "dyn(object.spec).?securityContext.orValue({})"
- name: volumes
  expression: "dyn(object.spec.?volumes.orValue([])).filter(v, !(v.name in ['gw-token', 'gw-state', 'gw-ca']))"
- name: rootless
  expression: "namespaceObject.metadata.?labels[?'sallyport.dev/rootless'].orValue({{ .Values.rootless | squote }})"
{{- end }}

{{/*
What every container that is not ours is held to, one rule an entry: what must hold of `c`; the field; what to do about it. The
rules are those of operator/admission/pod/rules.
*/}}
{{- define "sallyport.containerRules" -}}
- is: c.?securityContext.?privileged.orValue(false) == false
  field: securityContext.privileged
  fix: leave it out; a privileged container is master of its node
- is: c.?securityContext.?allowPrivilegeEscalation.orValue(true) == false
  field: securityContext.allowPrivilegeEscalation
  fix: set it to false
- is: >-
    'ALL' in c.?securityContext.?capabilities.?drop.orValue([])
    && c.?securityContext.?capabilities.?add.orValue([]).all(name, name == 'NET_BIND_SERVICE')
  field: securityContext.capabilities
  fix: drop [ALL] and add nothing but NET_BIND_SERVICE
- is: c.?securityContext.?runAsUser.hasValue()
  field: securityContext.runAsUser
  fix: set it; what the image says of its user cannot be seen at admission
- is: variables.rootless == 'rootNoCaps' || c.?securityContext.?runAsUser.orValue(-1) != 0
  field: securityContext.runAsUser
  fix: set one other than 0, or ask for the label sallyport.dev/rootless=rootNoCaps on the namespace
- is: >-
    c.?securityContext.?runAsUser.orValue(-1) != 65533
    && !(c.?securityContext.?runAsUser.orValue(-2) in variables.uid)
    && !(c.?securityContext.?runAsGroup.orValue(-2) in variables.uid)
  field: securityContext.runAsUser
  fix: set another user and group; these are of the gateway
- is: c.?securityContext.?seccompProfile.?type.orValue('') in ['RuntimeDefault', 'Localhost']
  field: securityContext.seccompProfile
  fix: set its type to RuntimeDefault
- is: c.?securityContext.?procMount.orValue('Default') == 'Default'
  field: securityContext.procMount
  fix: leave it out
- is: c.?securityContext.?appArmorProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost']
  field: securityContext.appArmorProfile
  fix: leave it out
- is: {{ include "sallyport.seLinux" "c.?securityContext" }}
  field: securityContext.seLinuxOptions
  fix: leave out type, user and role
- is: "!c.?securityContext.?windowsOptions.hasValue()"
  field: securityContext.windowsOptions
  fix: leave it out; the gateway is for Linux
- is: >-
    c.?ports.orValue([]).all(p, [p.containerPort, p.?hostPort.orValue(0)].all(port, port < 15000 || port > 15099))
  field: ports
  fix: take ports outside of 15000 to 15099, which are of the gateway
- is: >-
    c.?volumeMounts.orValue([]).all(m, !(m.name in ['gw-token', 'gw-state', 'gw-ca']) || {{ include "sallyport.isBundleMount" . }})
    && c.?volumeMounts.orValue([]).filter(m, m.name == 'gw-ca').size() <= 2
    && c.?env.orValue([]).all(e, !(e.?valueFrom.?fileKeyRef.?volumeName.orValue('') in ['gw-token', 'gw-state', 'gw-ca']))
  field: volumeMounts
  fix: leave out the volumes of the gateway
- is: >-
    c.?volumeMounts.orValue([]).all(m, {{ include "sallyport.isBundleMount" . }} || !{{ include "sallyport.isOurPath" "m.mountPath" }})
    && !{{ include "sallyport.isOurPath" "c.?terminationMessagePath.orValue('')" }}
  field: volumeMounts
  fix: put nothing below /var/run/sallyport and /var/run/secrets/kubernetes.io/serviceaccount
- is: c.?volumeMounts.orValue([]).all(m, m.?mountPropagation.orValue('None') == 'None')
  field: volumeMounts
  fix: leave out mountPropagation
- is: size(c.?volumeDevices.orValue([])) == 0
  field: volumeDevices
  fix: mount the volume as a filesystem
- is: >-
    [c.?livenessProbe, c.?readinessProbe, c.?startupProbe, c.?lifecycle.?postStart, c.?lifecycle.?preStop].all(h,
    h.?httpGet.?host.orValue('') == '' && h.?tcpSocket.?host.orValue('') == '')
  field: probes and lifecycle
  fix: leave out host; a kubelet that calls others is a way out
{{- end }}

{{/* Validations out of those rules. Takes a list: the variable with the containers, what they are called, the rules. */}}
{{- define "sallyport.containerValidations" -}}
{{- $all := index . 0 -}}
{{- $called := index . 1 -}}
{{- range index . 2 }}
- expression: {{ printf "%s.all(c, %s)" $all .is | quote }}
  messageExpression: {{ printf "'%s ' + %s.filter(c, !(%s)).map(c, c.name).join(', ') + ': %s. Fix: %s.'" $called $all .is .field .fix | quote }}
{{- end }}
{{- end }}

{{- define "sallyport.seLinux" -}}
{{ . }}.?seLinuxOptions.?type.orValue('') in ['', 'container_t', 'container_init_t', 'container_kvm_t', 'container_engine_t'] && {{ . }}.?seLinuxOptions.?user.orValue('') == '' && {{ . }}.?seLinuxOptions.?role.orValue('') == ''
{{- end }}

{{/* Of a mount `m`: it is that of the bundle which every container has. */}}
{{- define "sallyport.isBundle" -}}
m == {{ dict "name" "gw-ca" "mountPath" "/var/run/sallyport/ca" "readOnly" true | include "sallyport.cel" }}
{{- end }}

{{/* Of a mount `m`: it is that, or the same at the place where clients of Kubernetes look. */}}
{{- define "sallyport.isBundleMount" -}}
({{ include "sallyport.isBundle" . }} || m == {{ dict "name" "gw-ca" "mountPath" "/var/run/secrets/kubernetes.io/serviceaccount" "readOnly" true | include "sallyport.cel" }})
{{- end }}

{{/* /var/run is a link to /run in most images; dots are not followed but refused. */}}
{{- define "sallyport.isOurPath" -}}
({{ . }}.matches('(^|/)run/+([.]/+)*(sallyport|secrets/+([.]/+)*kubernetes[.]io/+([.]/+)*serviceaccount)(/|$)') || {{ . }}.matches('[.][.].*(sallyport|serviceaccount)|(sallyport|serviceaccount).*[.][.]'))
{{- end }}

{{- define "sallyport.volumeKinds" -}}
['name', 'configMap', 'secret', 'downwardAPI', 'projected', 'emptyDir', 'persistentVolumeClaim', 'ephemeral']
{{- end }}

{{/*
What has no gateway is refused by sallyport-pod-gateway, in words about that; which of several policies is heard is chance. Continues
`matchConditions`.
*/}}
{{- define "sallyport.withGateway" -}}
- name: with-a-gateway
  expression: "object.spec.?initContainers.orValue([]).exists(c, c.name in ['gw-init', 'gw'])"
{{- end }}
