{{/* Who talks to whom. The table is read twice, for the egress of one side and the ingress of the other. */}}

{{/* Components of which the pods are made at run time, in the namespace of the workloads. */}}
{{- define "millrace.made" -}}triton measure job pipeline backtest{{- end -}}

{{- define "millrace.namespace.of" -}}
{{- if has .component (splitList " " (include "millrace.made" .)) -}}{{- include "millrace.workloads" .root -}}{{- else -}}{{- .root.Release.Namespace -}}{{- end -}}
{{- end -}}

{{/* dict root component : a peer, wherever it runs */}}
{{- define "millrace.peer" -}}
namespaceSelector:
  matchLabels: {kubernetes.io/metadata.name: {{ include "millrace.namespace.of" . }}}
podSelector:
  matchLabels:
    {{- include "millrace.selector" . | nindent 4 }}
{{- end -}}

{{/* from, to, port */}}
{{- define "millrace.flows.table" -}}
{{- $v := .Values -}}
- [training, registry, 8080]
- [training, monitoring, 8080]
- [training, controller, 8080]
- [serving, registry, 8080]
- [serving, monitoring, 8080]
- [serving, gateway, 8000]
- [serving, gateway, 9902]
- [serving, triton, 8000]
- [monitoring, registry, 8080]
- [monitoring, serving, 8080]
- [controller, registry, 8080]
- [controller, training, 8080]
- [controller, serving, 8080]
- [controller, monitoring, 8080]
- [gateway, serving, 8080]
- [gateway, monitoring, 4317]
- [gateway, triton, 8000]
- [triton, registry, 8080]
{{- if eq $v.triton.standby.kind "shared" }}
- [triton, serving, 8080]
{{- end }}
{{- if $v.autoscaling.enabled }}
- [autoscaler, gateway, 9902]
{{- end }}
- [measure, registry, 8080]
- [measure, serving, 8080]
- [job, registry, 8080]
- [job, training, 8080]
- [job, monitoring, 8080]
- [pipeline, registry, 8080]
- [pipeline, training, 8080]
- [pipeline, serving, 8080]
- [pipeline, monitoring, 8080]
- [pipeline, controller, 8080]
- [backtest, registry, 8080]
- [backtest, training, 8080]
- [backtest, serving, 8080]
- [backtest, monitoring, 8080]
- [backtest, controller, 8080]
{{- if .Values.console.enabled }}
{{- range list "registry" "training" "serving" "monitoring" "controller" }}
- [console, {{ . }}, 8080]
{{- end }}
{{- if include "millrace.edge" . }}
- [edge, console, 8080]
{{- end }}
{{- end }}
- [test, registry, 8080]
- [test, training, 8080]
- [test, serving, 8080]
- [test, monitoring, 8080]
- [test, controller, 8080]
- [test, gateway, 8000]
{{- if $v.gateway.grpc.enabled }}
- [gateway, triton, 8001]
{{- end }}
{{- if $v.embeddedPostgres.enabled }}
- [registry, postgres, 5432]
- [training, postgres, 5432]
- [serving, postgres, 5432]
- [monitoring, postgres, 5432]
- [controller, postgres, 5432]
- [migrate, postgres, 5432]
{{- end }}
{{- if include "millrace.edge" . }}
- [edge, registry, 8080]
- [edge, training, 8080]
- [edge, serving, 8080]
- [edge, monitoring, 8080]
- [edge, controller, 8080]
- [edge, gateway, 8000]
{{- end }}
{{- end -}}

{{- define "millrace.flows" -}}
{{- $root := . -}}
{{- $table := fromYamlArray (include "millrace.flows.table" .) -}}
{{- $parts := concat (list "registry" "training" "serving" "monitoring" "controller" "gateway") (splitList " " (include "millrace.made" .)) (list "migrate" "test") -}}
{{- if .Values.embeddedPostgres.enabled }}{{ $parts = concat $parts (list "postgres" "secrets") }}{{ end -}}
{{- if include "millrace.edge" . }}{{ $parts = append $parts "edge" }}{{ end -}}
{{- if .Values.console.enabled }}{{ $parts = append $parts "console" }}{{ end -}}
{{- if .Values.autoscaling.enabled }}{{ $parts = append $parts "autoscaler" }}{{ end -}}
{{- $flows := dict -}}
{{- range $part := $parts -}}
{{- $ingress := list -}}
{{- $egress := list -}}
{{- range $table -}}
{{- if eq (index . 0) $part -}}
{{- $egress = append $egress (dict "to" (list (fromYaml (include "millrace.peer" (dict "root" $root "component" (index . 1))))) "ports" (list (dict "port" (index . 2)))) -}}
{{- end -}}
{{- if eq (index . 1) $part -}}
{{- $ingress = append $ingress (dict "from" (list (fromYaml (include "millrace.peer" (dict "root" $root "component" (index . 0))))) "ports" (list (dict "port" (index . 2)))) -}}
{{- end -}}
{{- end -}}
{{- $extra := fromYaml (include "millrace.flows.outside" (dict "root" $root "part" $part)) -}}
{{- $flows = set $flows $part (dict "ingress" (concat $ingress ($extra.ingress | default list)) "egress" (concat $egress ($extra.egress | default list))) -}}
{{- end -}}
{{- toYaml $flows -}}
{{- end -}}

{{/* dict root part : what comes from outside the release, and goes there */}}
{{- define "millrace.flows.outside" -}}
{{- $v := .root.Values.networkPolicy -}}
{{- $services := list "registry" "training" "serving" "monitoring" "controller" -}}
{{- $ingress := list -}}
{{- $egress := list -}}
{{- if and (has .part (concat $services (list "gateway" "console"))) $v.clients -}}
{{- $ingress = append $ingress (dict "from" $v.clients "ports" (list (dict "port" (eq .part "gateway" | ternary 8000 8080)))) -}}
{{- end -}}
{{- if and (has .part $services) .root.Values.controller.kfp.url -}}
{{- $ingress = append $ingress (dict "from" (list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .root.Values.controller.kfp.namespace)))) "ports" (list (dict "port" 8080))) -}}
{{- end -}}
{{- $metrics := dict "gateway" 9902 "edge" 9902 "triton" 8002 -}}
{{- range concat $services (list "console" "autoscaler") }}{{ $metrics = set $metrics . 9090 }}{{ end -}}
{{- if and (hasKey $metrics .part) $v.prometheus -}}
{{- $ingress = append $ingress (dict "from" $v.prometheus "ports" (list (dict "port" (index $metrics .part)))) -}}
{{- end -}}
{{- if and (eq .part "edge") .root.Values.tls.existingSecret -}}
{{- $ingress = append $ingress (dict "ports" (list (dict "port" 8443))) -}}
{{- end -}}
{{- if and (eq .part "edge") (include "millrace.edge.plain" .root) -}}
{{- $plain := dict "ports" (list (dict "port" 8080)) -}}
{{- with $v.ingress }}{{ $plain = set $plain "from" . }}{{ end -}}
{{- $ingress = append $ingress $plain -}}
{{- end -}}
{{- /* The API server comes from nodes or from outside; TLS lets in nobody else. */}}
{{- if eq .part "autoscaler" -}}
{{- $ingress = append $ingress (dict "ports" (list (dict "port" 8443))) -}}
{{- end -}}
{{- if has .part (concat $services (list "secrets" "autoscaler")) -}}
{{- $egress = append $egress (include "millrace.flows.to" $v.apiServer | fromYaml) -}}
{{- end -}}
{{- if has .part (list "registry" "training" "serving" "monitoring" "controller" "job") -}}
{{- $egress = append $egress (include "millrace.flows.to" $v.outside | fromYaml) -}}
{{- end -}}
{{- if and (eq .part "console") .root.Values.console.oidc.issuer -}}
{{- $egress = append $egress (include "millrace.flows.to" $v.outside | fromYaml) -}}
{{- end -}}
{{- if and (has .part (append $services "migrate")) (not .root.Values.embeddedPostgres.enabled) -}}
{{- $egress = append $egress (include "millrace.flows.to" (dict "cidr" $v.database.cidr "ports" (list .root.Values.externalDatabase.port)) | fromYaml) -}}
{{- end -}}
{{- if and (eq .part "controller") .root.Values.controller.kfp.url -}}
{{- $egress = append $egress (dict "to" (list (dict "namespaceSelector" (dict "matchLabels" (dict "kubernetes.io/metadata.name" .root.Values.controller.kfp.namespace)))) "ports" (list (dict "port" 8888))) -}}
{{- end -}}
{{- if eq .part "monitoring" -}}
{{- $egress = concat $egress $v.webhooks -}}
{{- with .root.Values.notify.smtp -}}
{{- if .host }}{{ $egress = append $egress (include "millrace.flows.to" (dict "cidr" $v.outside.cidr "ports" (list .port)) | fromYaml) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- if has .part (list "training" "controller") -}}
{{- $egress = concat $egress $v.openlineage -}}
{{- end -}}
{{- if eq .part "job" -}}
{{- $egress = concat $egress $v.sources -}}
{{- $ingress = append $ingress (dict "from" (list (dict "namespaceSelector" dict "podSelector" (dict "matchLabels" (dict "app.kubernetes.io/name" "kuberay-operator")))) "ports" (list (dict "port" 8265))) -}}
{{- end -}}
{{- dict "ingress" $ingress "egress" $egress | toYaml -}}
{{- end -}}

{{- define "millrace.flows.to" -}}
to: [{ipBlock: {cidr: {{ .cidr }}}}]
ports:
  {{- range .ports }}
  - port: {{ . }}
  {{- end }}
{{- end -}}
