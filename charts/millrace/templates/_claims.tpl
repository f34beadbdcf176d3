{{/* What an API server would refuse of a volume that is there already, said before anything is changed. */}}

{{/* a size like 10Gi, in MiB */}}
{{- define "millrace.mebibytes" -}}
{{- $units := dict "Ki" 0.0009765625 "Mi" 1 "Gi" 1024 "Ti" 1048576 "Pi" 1073741824 "k" 0.00095367431640625 "M" 0.95367431640625 "G" 953.67431640625 "T" 953674.31640625 -}}
{{- $number := regexFind "^[0-9.]+" . -}}
{{- mulf (float64 $number) (index $units (trimPrefix $number .) | default 0.00000095367431640625) -}}
{{- end -}}

{{- define "millrace.checks.claims" -}}
{{- $root := . -}}
{{- range $key, $component := dict "registry" "registry" "training" "training" "monitoring" "monitoring" "embeddedPostgres" "postgres" -}}
{{- $values := index $root.Values $key -}}
{{- $used := and $root.Values.persistence.enabled (include "millrace.claimed" (dict "values" $values)) (not $values.persistence.existingClaim) -}}
{{- $name := printf "%s-%s" (include "millrace.fullname" $root) $component -}}
{{- with $used -}}
{{- with lookup "v1" "PersistentVolumeClaim" $root.Release.Namespace $name -}}
{{- include "millrace.checks.claim" (dict "key" $key "name" $name "wanted" $values.persistence.size "class" ($values.persistence.storageClass | default $root.Values.persistence.storageClass) "said" (empty $values.persistence.storageClass | ternary "persistence" (print $key ".persistence")) "claim" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* dict key name wanted class said claim */}}
{{- define "millrace.checks.claim" -}}
{{- $has := .claim.spec.resources.requests.storage -}}
{{- $class := .claim.spec.storageClassName | default "" -}}
{{- if and .class (ne .class $class) -}}
{{- fail (printf "%s.storageClass: the volume %s is of the class %q, which cannot be changed; keep it, or copy the data onto a new claim and name it in %s.persistence.existingClaim (docs/howto/upgrade.md)" .said .name $class .key) -}}
{{- end -}}
{{- $now := float64 (include "millrace.mebibytes" $has) -}}
{{- $then := float64 (include "millrace.mebibytes" .wanted) -}}
{{- if lt $then $now -}}
{{- fail (printf "%s.persistence.size: the volume %s has %s already and cannot shrink to %s; set it to %s" .key .name $has .wanted $has) -}}
{{- end -}}
{{- if gt $then $now -}}
{{- if not (dig "allowVolumeExpansion" false (lookup "storage.k8s.io/v1" "StorageClass" "" $class | default dict)) -}}
{{- fail (printf "%s.persistence.size: the volume %s has %s, and its class %q lets no volume grow to %s; set it back to %s, or copy the data onto a larger claim and name it in %s.persistence.existingClaim (docs/howto/upgrade.md)" .key .name $has $class .wanted $has .key) -}}
{{- end -}}
{{- end -}}
{{- end -}}
