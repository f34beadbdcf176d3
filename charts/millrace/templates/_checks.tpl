{{/* What a schema cannot say: values that contradict each other are refused with the path of the mistake. */}}
{{- define "millrace.checks" -}}
{{- $v := .Values -}}
{{- if and (not $v.embeddedPostgres.enabled) (not $v.externalDatabase.existingSecret) -}}
{{- fail "externalDatabase.existingSecret: name the Secret with the databases' URLs, or set embeddedPostgres.enabled" -}}
{{- end -}}
{{- if and $v.embeddedPostgres.enabled $v.externalDatabase.existingSecret -}}
{{- fail "externalDatabase.existingSecret: is not used while embeddedPostgres.enabled is true" -}}
{{- end -}}
{{- if and $v.notify.smtp.existingSecret (eq $v.notify.smtp.security "none") -}}
{{- fail "notify.smtp.security: none would send the password of notify.smtp.existingSecret unprotected; set starttls or tls" -}}
{{- end -}}
{{- if and $v.audit.exports (not $v.audit.existingSecret) -}}
{{- fail "audit.existingSecret: heads that go to audit.exports are worth nothing when their key goes with the registry's pod; name a Secret with it (docs/howto/audit.md)" -}}
{{- end -}}
{{- if and (gt (int $v.registry.replicas) 1) (not $v.registry.storage.url) -}}
{{- fail "registry.replicas: more than one needs registry.storage.url on an object store" -}}
{{- end -}}
{{- range $part := list "registry" "monitoring" -}}
{{- $storage := (index $v $part).storage -}}
{{- if and $storage.existingSecret (not $storage.url) -}}
{{- fail (printf "%s.storage.existingSecret: is not used without %s.storage.url" $part $part) -}}
{{- end -}}
{{- if and $storage.url (index $v $part).persistence.existingClaim -}}
{{- fail (printf "%s.persistence.existingClaim: is not used while %s.storage.url is set" $part $part) -}}
{{- end -}}
{{- end -}}
{{- if gt (int $v.triton.autoscaling.minReplicas) (int $v.triton.autoscaling.maxReplicas) -}}
{{- fail "triton.autoscaling.minReplicas: is larger than triton.autoscaling.maxReplicas" -}}
{{- end -}}
{{- if and $v.autoscaling.enabled (ne $v.triton.autoscaling.kind "none") -}}
{{- fail "autoscaling.enabled: triton.autoscaling.kind hpa asks another adapter of custom.metrics.k8s.io, and an API server has one; set that to none and declare spec.serving.autoscaling in the loops" -}}
{{- end -}}
{{- if and $v.triton.standby.idleMinutes (ne $v.triton.standby.kind "shared") -}}
{{- fail "triton.standby.idleMinutes: needs triton.standby.kind: shared, where an idle version goes on answering" -}}
{{- end -}}
{{- range $name := list "image" "gpu" "driver" "tensorrt" -}}
{{- if and $v.triton.engines.claim (not (get $v.triton.engines $name)) -}}
{{- fail (printf "triton.engines.%s: an engine fits one GPU, driver and TensorRT; say which" $name) -}}
{{- end -}}
{{- end -}}
{{- $operator := $v.controller.operator -}}
{{- if and $operator.enabled (not $operator.watchAllNamespaces) (not $operator.namespaces) -}}
{{- fail "controller.operator.namespaces: name at least one, or set controller.operator.watchAllNamespaces" -}}
{{- end -}}
{{- if and $operator.namespaces $operator.watchAllNamespaces -}}
{{- fail "controller.operator.namespaces: is not used while controller.operator.watchAllNamespaces is true" -}}
{{- end -}}
{{- $places := list -}}
{{- range $index, $issuer := $v.identity.oidc -}}
{{- $place := list $issuer.issuer $issuer.audience -}}
{{- if has $place $places -}}
{{- fail (printf "identity.oidc[%d]: %s stands there twice for the audience %s; put the claims of both into one entry" $index $issuer.issuer $issuer.audience) -}}
{{- end -}}
{{- $places = append $places $place -}}
{{- if not (or $issuer.claims $v.identity.projects $issuer.kubernetes) -}}
{{- fail (printf "identity.oidc[%d]: nobody of this issuer has a role; give claims, identity.projects, or kubernetes" $index) -}}
{{- end -}}
{{- if and $issuer.kubernetes (not (include "millrace.rbac" $)) -}}
{{- fail (printf "identity.oidc[%d].kubernetes: is not used without identity.rbac and controller.operator.enabled" $index) -}}
{{- end -}}
{{- end -}}
{{- $given := $v.identity.roles -}}
{{- range $v.identity.oidc }}{{ $given = concat $given (.claims | default list) }}{{ end -}}
{{- range $given -}}
{{- if and .project (not (has .role (list "viewer" "labeller" "operator" "approver" "admin"))) -}}
{{- fail (printf "identity: %s is no role of people, so it is not given in the project %s alone" .role .project) -}}
{{- end -}}
{{- end -}}
{{- if and $v.identity.projects (not $v.identity.oidc) -}}
{{- fail "identity.projects: names groups, but identity.oidc names no issuer that has them" -}}
{{- end -}}
{{- include "millrace.checks.claims" . -}}
{{- include "millrace.checks.parts" . -}}
{{- include "millrace.checks.neighbours" . -}}
{{- include "millrace.checks.adapters" . -}}
{{- if $v.production -}}{{- include "millrace.checks.production" . -}}{{- end -}}
{{- end -}}

{{- define "millrace.checks.production" -}}
{{- $v := .Values -}}
{{- if $v.embeddedPostgres.enabled -}}
{{- fail "embeddedPostgres.enabled: the embedded PostgreSQL is not for production" -}}
{{- end -}}
{{- if not $v.persistence.enabled -}}
{{- fail "persistence.enabled: production keeps its data" -}}
{{- end -}}
{{- if not $v.triton.image.digest -}}
{{- fail "triton.image.digest: production pins NVIDIA's image, like sha256:…" -}}
{{- end -}}
{{- if hasSuffix "triton-test" $v.triton.image.repository -}}
{{- fail "triton.image.repository: the test image is not for production; use nvcr.io/nvidia/tritonserver" -}}
{{- end -}}
{{- end -}}
