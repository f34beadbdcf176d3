{{/* What contradicts itself in the values of one part: its service account, its Service, the way its pods are replaced. */}}
{{- define "millrace.checks.parts" -}}
{{- $root := . -}}
{{- $paths := dict "edge" "tls" "postgres" "embeddedPostgres" "migrate" "migrations" "job" "training.job" "pipeline" "controller.runner" "backtest" "controller.backtest" "autoscaler" "autoscaling" -}}
{{- $seen := dict -}}
{{- range $part := list "registry" "training" "serving" "monitoring" "controller" "console" "gateway" "edge" "postgres" "migrate" "triton" "autoscaler" "job" "pipeline" "backtest" -}}
{{- $path := get $paths $part | default $part -}}
{{- $this := dict "root" $root "component" $part -}}
{{- $values := fromYaml (include "millrace.values" $this) -}}
{{- $account := $values.serviceAccount | default dict -}}
{{- if and (not (dig "create" true $account)) (not $account.name) -}}
{{- fail (printf "%s.serviceAccount.name: name the account that is there, or let the chart make one (%s.serviceAccount.create)" $path $path) -}}
{{- end -}}
{{- $name := printf "%s/%s" (include "millrace.namespace.of" $this) (include "millrace.accountname" $this) -}}
{{- with get $seen $name -}}
{{- fail (printf "%s.serviceAccount.name: is that of %s too; each part is known by an account of its own" $path .) -}}
{{- end -}}
{{- $seen = set $seen $name $path -}}
{{- include "millrace.checks.service" (dict "path" $path "service" ($values.service | default dict)) -}}
{{- end -}}
{{- range $part := list "registry" "training" "serving" "monitoring" "console" -}}
{{- $alone := or (ne $part "registry") (not $root.Values.registry.storage.url) -}}
{{- if and $alone (eq (dig "updateStrategy" "type" "" (index $root.Values $part)) "RollingUpdate") -}}
{{- fail (printf "%s.updateStrategy.type: there is one pod of it, and two for a moment would write over one another; leave it at Recreate" $part) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.console.hosts (not .Values.console.enabled) -}}
{{- fail "console.hosts: is not used while console.enabled is false" -}}
{{- end -}}
{{- if and .Values.console.hosts (not (include "millrace.edge" .)) -}}
{{- fail "console.hosts: are answered by the door; set tls.existingSecret, ingress.enabled or httpRoute.enabled" -}}
{{- end -}}
{{- with .Values.console.oidc }}{{ if .issuer }}{{ include "millrace.checks.signin" (dict "root" $root "oidc" .) }}{{ end }}{{ end -}}
{{- if and .Values.httpRoute.enabled (not .Values.httpRoute.parentRefs) -}}
{{- fail "httpRoute.parentRefs: name the Gateway that the route belongs to" -}}
{{- end -}}
{{- end -}}

{{/* dict path service : fields that an API server would refuse or drop at this type of Service */}}
{{- define "millrace.checks.service" -}}
{{- $type := .service.type | default "ClusterIP" -}}
{{- range $field := list "nodePort" "grpcNodePort" "externalTrafficPolicy" -}}
{{- if and (get $.service $field) (eq $type "ClusterIP") -}}
{{- fail (printf "%s.service.%s: needs %s.service.type NodePort or LoadBalancer" $.path $field $.path) -}}
{{- end -}}
{{- end -}}
{{- range $field := list "loadBalancerClass" "loadBalancerSourceRanges" -}}
{{- if and (get $.service $field) (ne $type "LoadBalancer") -}}
{{- fail (printf "%s.service.%s: needs %s.service.type LoadBalancer" $.path $field $.path) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* dict root oidc : people sign in at a provider whose tokens the services take */}}
{{- define "millrace.checks.signin" -}}
{{- $oidc := .oidc -}}
{{- if not .root.Values.console.enabled -}}
{{- fail "console.oidc: is not used while console.enabled is false" -}}
{{- end -}}
{{- if not $oidc.clientId -}}
{{- fail "console.oidc.clientId: name the console's client at the provider" -}}
{{- end -}}
{{- $audiences := list -}}
{{- range .root.Values.identity.oidc }}{{ if eq .issuer $oidc.issuer }}{{ $audiences = append $audiences .audience }}{{ end }}{{ end -}}
{{- if not $audiences -}}
{{- fail (printf "console.oidc.issuer: no entry of identity.oidc is about %s, so no service would take its tokens" $oidc.issuer) -}}
{{- end -}}
{{- if and (eq $oidc.token "id") (not (has $oidc.clientId $audiences)) -}}
{{- fail (printf "console.oidc.clientId: the audience of ID tokens is %s, and identity.oidc takes only %s; name the client there too, or set console.oidc.token to access" $oidc.clientId (join ", " $audiences)) -}}
{{- end -}}
{{- end -}}
