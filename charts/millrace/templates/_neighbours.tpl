{{/* Two releases that follow the ModelLoops of one namespace would undo each other's work: refused where it can be seen. */}}
{{- define "millrace.checks.neighbours" -}}
{{- $operator := .Values.controller.operator -}}
{{- $roles := list -}}
{{- if and $operator.enabled $operator.watchAllNamespaces -}}
{{- range list "ClusterRole" "Role" }}{{ $roles = concat $roles ((lookup "rbac.authorization.k8s.io/v1" . "" "").items | default list) }}{{ end -}}
{{- else if $operator.enabled -}}
{{- range $operator.namespaces }}{{ $roles = concat $roles ((lookup "rbac.authorization.k8s.io/v1" "Role" . "").items | default list) }}{{ end -}}
{{- end -}}
{{- $path := $operator.watchAllNamespaces | ternary "controller.operator.watchAllNamespaces" "controller.operator.namespaces" -}}
{{- range $roles -}}
{{- include "millrace.checks.neighbour" (dict "role" . "release" $.Release "path" $path) -}}
{{- end -}}
{{- end -}}

{{/* An API server asks one adapter for the metrics of a group. */}}
{{- define "millrace.checks.adapters" -}}
{{- if .Values.autoscaling.enabled -}}
{{- range $version := list "v1beta1" "v1beta2" -}}
{{- $found := lookup "apiregistration.k8s.io/v1" "APIService" "" (print $version ".custom.metrics.k8s.io") -}}
{{- if $found -}}
{{- $marks := $found.metadata.annotations | default dict -}}
{{- $ours := and (eq (get $marks "meta.helm.sh/release-name") $.Release.Name) (eq (get $marks "meta.helm.sh/release-namespace") $.Release.Namespace) -}}
{{- if not $ours -}}
{{- fail (printf "autoscaling.enabled: the APIService %s is there already (%s): another adapter serves this group, and an API server asks one alone. Use that one, with triton.autoscaling.kind: hpa, or take it away" $found.metadata.name (dig "spec" "service" "name" "of no service" $found)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* dict role release path : refuses if the role is that of another release's operator */}}
{{- define "millrace.checks.neighbour" -}}
{{- $meta := .role.metadata -}}
{{- $labels := $meta.labels | default dict -}}
{{- $marks := $meta.annotations | default dict -}}
{{- $instance := get $labels "app.kubernetes.io/instance" -}}
{{- $space := get $marks "meta.helm.sh/release-namespace" | default .release.Namespace -}}
{{- $operates := and (eq (get $labels "app.kubernetes.io/name") "millrace") (hasSuffix "-modelloops" $meta.name) -}}
{{- if and $operates (or (ne $instance .release.Name) (ne $space .release.Namespace)) -}}
{{- fail (printf "%s: the release %q in %s follows the ModelLoops of %s already (its %s %s), and two that follow one loop undo each other's work; give each release namespaces of its own in controller.operator.namespaces, or set controller.operator.enabled to false in one" .path $instance $space ($meta.namespace | default "every namespace") .role.kind $meta.name) -}}
{{- end -}}
{{- end -}}
