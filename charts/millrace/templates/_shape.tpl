{{/* What values say of the pods of a component beside what the chart says: one set of fields for all of them. */}}

{{/* dict root component : the values of a component; those that have none of their own get the common ones */}}
{{- define "millrace.values" -}}
{{- $v := .root.Values -}}
{{- $placed := dict "edge" $v.tls "postgres" $v.embeddedPostgres "migrate" $v.migrations "job" $v.training.job "pipeline" $v.controller.runner "backtest" $v.controller.backtest "measure" (omit $v.triton "serviceAccount") "autoscaler" $v.autoscaling -}}
{{- range list "registry" "training" "serving" "monitoring" "controller" "console" "gateway" "triton" }}{{ $placed = set $placed . (index $v .) }}{{ end -}}
{{- toYaml (get $placed .component | default dict) -}}
{{- end -}}

{{/* dict root component : the fields that hold for its pods: those of `pods`, and its own. For pods made at run time those of
`workloads`, without the three that _env.tpl tells by themselves. */}}
{{- define "millrace.shape" -}}
{{- $all := .root.Values.pods -}}
{{- if has .component (splitList " " (include "millrace.made" .)) }}{{ $all = omit .root.Values.workloads "nodeSelector" "tolerations" "runtimeClassName" }}{{ end -}}
{{- $own := fromYaml (include "millrace.values" .) -}}
{{- $shape := dict -}}
{{- range $field := list "nodeSelector" "labels" "annotations" "probes" -}}
{{- $shape = set $shape $field (merge (deepCopy (get $own $field | default dict)) (deepCopy (get $all $field | default dict))) -}}
{{- end -}}
{{- range $field := list "tolerations" "extraEnv" "extraEnvFrom" "extraVolumes" "extraVolumeMounts" "initContainers" -}}
{{- $shape = set $shape $field (concat (get $all $field | default list) (get $own $field | default list)) -}}
{{- end -}}
{{- range $field := list "affinity" "priorityClassName" "topologySpreadConstraints" "runtimeClassName" -}}
{{- $shape = set $shape $field (get $own $field | default (get $all $field)) -}}
{{- end -}}
{{- toYaml $shape -}}
{{- end -}}

{{/* dict root component replicas : over what its pods are spread; a constraint without a selector means the component's own */}}
{{- define "millrace.spread" -}}
{{- $selector := dict "matchLabels" (fromYaml (include "millrace.selector" .)) -}}
{{- $said := (fromYaml (include "millrace.shape" .)).topologySpreadConstraints -}}
{{- if and (not $said) (gt (int .replicas) 1) -}}
{{- $said = list -}}
{{- range list "kubernetes.io/hostname" "topology.kubernetes.io/zone" }}{{ $said = append $said (dict "maxSkew" 1 "topologyKey" . "whenUnsatisfiable" "ScheduleAnyway") }}{{ end -}}
{{- end -}}
{{- if $said -}}
topologySpreadConstraints:
{{- range $said }}
  - {{ toJson (merge (deepCopy .) (dict "labelSelector" $selector)) }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* dict root component containers : containers with the environment, the mounts and the times of probes that values add */}}
{{- define "millrace.filled" -}}
{{- $shape := fromYaml (include "millrace.shape" .) -}}
{{- $filled := list -}}
{{- range $container := fromYamlArray .containers -}}
{{- range $field, $more := dict "env" $shape.extraEnv "envFrom" $shape.extraEnvFrom "volumeMounts" $shape.extraVolumeMounts -}}
{{- with $more }}{{ $container = set $container $field (concat (get $container $field | default list) .) }}{{ end -}}
{{- end -}}
{{- range $name, $times := $shape.probes -}}
{{- with get $container (print $name "Probe") }}{{ $container = set $container (print $name "Probe") (merge (deepCopy $times) .) }}{{ end -}}
{{- end -}}
{{- $filled = append $filled $container -}}
{{- end -}}
{{- toYaml $filled -}}
{{- end -}}

{{/* dict root component initContainers? : those of values, as confined as the chart's own unless they say otherwise, before the chart's own */}}
{{- define "millrace.inits" -}}
{{- $all := list -}}
{{- range (fromYaml (include "millrace.shape" .)).initContainers -}}
{{- $all = append $all (merge (deepCopy .) (fromYaml (include "millrace.confined" $))) -}}
{{- end -}}
{{- with .initContainers }}{{ $all = concat $all (fromYamlArray .) }}{{ end -}}
{{- with $all }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* dict root component : the volumes that values add, if there are any */}}
{{- define "millrace.extravolumes" -}}
{{- with (fromYaml (include "millrace.shape" .)).extraVolumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* dict root component : the name of its service account */}}
{{- define "millrace.accountname" -}}
{{- $account := (fromYaml (include "millrace.values" .)).serviceAccount | default dict -}}
{{- $account.name | default (printf "%s-%s" (include "millrace.fullname" .root) .component) -}}
{{- end -}}

{{/* dict root components : what pods made at run time are given, by component, as JSON; what is empty is left out */}}
{{- define "millrace.shapes" -}}
{{- $root := .root -}}
{{- $shapes := dict -}}
{{- range $component := .components -}}
{{- $said := dict -}}
{{- range $field, $value := fromYaml (include "millrace.shape" (dict "root" $root "component" $component)) -}}
{{- with $value }}{{ $said = set $said $field . }}{{ end -}}
{{- end -}}
{{- $shapes = set $shapes $component $said -}}
{{- end -}}
{{- toJson $shapes -}}
{{- end -}}
