{{/* dict root component namespace rules name? : a Role and its binding to the component's service account */}}
{{- define "millrace.role" -}}
{{- $name := .name | default (printf "%s-%s" (include "millrace.fullname" .root) .component) -}}
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  {{- include "millrace.metadata" (dict "root" .root "component" .component "namespace" .namespace "name" $name) | nindent 2 }}
rules:
  {{- .rules | nindent 2 }}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  {{- include "millrace.metadata" (dict "root" .root "component" .component "namespace" .namespace "name" $name) | nindent 2 }}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: {{ $name }}}
subjects:
  - {kind: ServiceAccount, name: {{ include "millrace.accountname" . }}, namespace: {{ .root.Release.Namespace }}}
{{- end -}}
