{{/* Names, labels, images and addresses: said once. */}}

{{- define "millrace.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 30 | trimSuffix "-" -}}
{{- else if contains "millrace" .Release.Name -}}
{{- .Release.Name | trunc 30 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-millrace" (.Release.Name | trunc 21 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* dict root component */}}
{{- define "millrace.selector" -}}
app.kubernetes.io/name: millrace
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- if .component }}
app.kubernetes.io/component: {{ .component }}
{{- end }}
{{- end -}}

{{- define "millrace.labels" -}}
{{ include "millrace.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version }}
{{- end -}}

{{/* dict root component name? namespace? : the metadata of one object */}}
{{- define "millrace.metadata" -}}
name: {{ .name | default (printf "%s-%s" (include "millrace.fullname" .root) .component) }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- include "millrace.labels" . | nindent 2 }}
{{- end -}}

{{/* dict root image */}}
{{- define "millrace.image" -}}
{{- $registry := .root.Values.global.imageRegistry | default .image.registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .image.repository }}
{{- if .image.digest }}@{{ .image.digest }}{{ else }}:{{ .image.tag | default .root.Chart.AppVersion }}{{ end }}
{{- end -}}

{{- define "millrace.workloads" -}}
{{- .Values.workloads.namespace | default .Release.Namespace -}}
{{- end -}}

{{/* dict root component : the address of a service, from any namespace */}}
{{- define "millrace.address" -}}
{{ include "millrace.fullname" .root }}-{{ .component }}.{{ .root.Release.Namespace }}.svc
{{- end -}}

{{/* dict root components : every name under which these services are called, as a JSON list */}}
{{- define "millrace.hosts" -}}
{{- $root := .root -}}
{{- $hosts := list "localhost" "127.0.0.1" -}}
{{- range .components -}}
{{- $name := printf "%s-%s" (include "millrace.fullname" $root) . -}}
{{- $spaced := printf "%s.%s" $name $root.Release.Namespace -}}
{{- $hosts = concat $hosts (list $name $spaced (print $spaced ".svc") (print $spaced ".svc." $root.Values.clusterDomain)) -}}
{{- end -}}
{{- concat $hosts (.more | default list) | toJson -}}
{{- end -}}
