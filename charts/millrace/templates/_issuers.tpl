{{/* Whose tokens are believed, and the role of each service account. */}}
{{- define "millrace.issuers" -}}
{{- $roles := list -}}
{{- range list "registry" "training" "serving" "monitoring" "controller" "gateway" "admin" "viewer" -}}
{{- $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s" $.Release.Namespace (include "millrace.accountname" (dict "root" $ "component" .))) "role" .) -}}
{{- end -}}
{{- range splitList " " (include "millrace.made" .) -}}
{{- $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s" (include "millrace.workloads" $) (include "millrace.accountname" (dict "root" $ "component" .))) "role" .) -}}
{{- end -}}
{{- with .Values.controller.kfp }}
{{- if .url }}{{ $roles = append $roles (dict "subject" (printf "system:serviceaccount:%s:%s" .namespace .serviceAccount) "role" "pipeline") }}{{ end -}}
{{- end -}}
{{- $account := "/var/run/secrets/kubernetes.io/serviceaccount" -}}
{{- $cluster := dict "issuer" "kubernetes" "audience" "millrace" "ca_file" (print $account "/ca.crt") "bearer_file" (print $account "/token") "roles" (concat $roles .Values.identity.roles) -}}
{{- $rbac := include "millrace.rbac" . -}}
{{- if $rbac }}{{ $cluster = set $cluster "known_as" dict }}{{ end -}}
{{- $issuers := list $cluster -}}
{{- range .Values.identity.oidc -}}
{{- $given := include "millrace.issuers.projects" (dict "root" $ "claim" (.groupsClaim | default "groups")) | fromJsonArray -}}
{{- $issuer := dict "issuer" .issuer "audience" .audience "roles" (concat (.claims | default list) $given) -}}
{{- if and $rbac .kubernetes -}}
{{- $k := .kubernetes -}}
{{- $issuer = set $issuer "known_as" (dict "username" ($k.usernameClaim | default "sub") "username_prefix" ($k.usernamePrefix | default "") "groups" ($k.groupsClaim | default "") "groups_prefix" ($k.groupsPrefix | default "")) -}}
{{- end -}}
{{- if .trustEmail }}{{ $issuer = set $issuer "trust_email" true }}{{ end -}}
{{- with .jwksUrl }}{{ $issuer = set $issuer "jwks_url" . }}{{ end -}}
{{- $issuers = append $issuers $issuer -}}
{{- end -}}
{{- $operator := .Values.controller.operator -}}
{{- $watched := $operator.watchAllNamespaces | ternary list $operator.namespaces -}}
{{- dict "issuers" $issuers "spaces" (dict "watched" $watched "projects" $operator.projects) | toPrettyJson -}}
{{- end -}}

{{/* dict root claim : roles in projects by group, as a JSON list */}}
{{- define "millrace.issuers.projects" -}}
{{- $claim := .claim -}}
{{- $given := list -}}
{{- range $project, $roles := .root.Values.identity.projects -}}
{{- range $role, $groups := $roles -}}
{{- range $groups -}}
{{- $given = append $given (dict "claim" $claim "value" . "role" $role "project" $project) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toJson $given -}}
{{- end -}}

{{/* "yes" if Kubernetes' RBAC of a namespace counts for its project */}}
{{- define "millrace.rbac" -}}
{{- if and .Values.identity.rbac .Values.controller.operator.enabled -}}yes{{- end -}}
{{- end -}}
