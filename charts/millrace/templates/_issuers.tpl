{{/* Whose tokens are believed, and the role of each service account. */}}
{{- define "millrace.issuers" -}}
{{- $name := include "millrace.fullname" . -}}
{{- $roles := list -}}
{{- range list "registry" "training" "serving" "monitoring" "controller" "gateway" "admin" "viewer" -}}
{{- $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s-%s" $.Release.Namespace $name .) "role" .) -}}
{{- end -}}
{{- range splitList " " (include "millrace.made" .) -}}
{{- $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s-%s" (include "millrace.workloads" $) $name .) "role" .) -}}
{{- end -}}
{{- with .Values.controller.kfp }}
{{- if .url }}{{ $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s" .namespace .serviceAccount) "role" "pipeline") }}{{ end -}}
{{- end -}}
{{- $account := "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- $cluster := dict "issuer" "kubernetes" "audience" "millrace" "ca_file" (print $account "/ca.crt") "bearer_file" (print $account "/token") "roles" (concat $roles .Values.identity.roles) -}}
{{- $issuers := list $cluster -}}
{{- range .Values.identity.oidc -}}
{{- $issuer := dict "issuer" .issuer "audience" .audience "roles" .claims -}}
{{- with .jwksUrl }}{{ $issuer = set $issuer "jwks_url" . }}{{ end -}}
{{- $issuers = append $issuers $issuer -}}
{{- end -}}
{{- dict "issuers" $issuers | toPrettyJson -}}
{{- end -}}
