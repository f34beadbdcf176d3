{{/* Sentences that NOTES.txt says loudly. */}}
{{/* When training is a RayJob: what the cluster has, and what the values allow. */}}
{{- define "millrace.notes.ray" -}}
{{- if and (.Capabilities.APIVersions.Has "ray.io/v1") (eq .Values.training.job.ray "auto") }}
KubeRay is installed: a loop that says `training.executor: ray` trains as a RayJob; every other job is a plain Job.
{{- else if .Capabilities.APIVersions.Has "ray.io/v1" }}
KubeRay is installed, but training.job.ray is never: all jobs are plain Jobs, also of loops that say `training.executor: ray`.
{{- end }}
{{- end -}}

{{- define "millrace.notes.warnings" -}}
{{- if .Values.embeddedPostgres.enabled }}

WARNING: the embedded PostgreSQL has no backup and no second pod. It is not for production; see values-production.yaml.
{{- end }}
{{- if not .Values.persistence.enabled }}

WARNING: persistence.enabled is false. EVERYTHING IS LOST when a pod ends: models, data, decisions, prediction logs.
{{- end }}
{{- if and (not .Values.tls.existingSecret) (include "millrace.edge" .) }}

Note: TLS ends, if it is spoken, at your Ingress or Gateway; from there on everything is plaintext, behind network policies.
{{- else if not .Values.tls.existingSecret }}

WARNING: no TLS. Everything, tokens included, crosses the network in plaintext; set tls.existingSecret.
{{- else }}

Note: TLS ends at {{ include "millrace.fullname" . }}-edge; between the pods of Millrace it is plaintext, behind network policies.
{{- end }}
{{- if hasSuffix "triton-test" .Values.triton.image.repository }}

WARNING: Triton is the test image (24.10, Python backend). It is not for production; see values-production.yaml.
{{- end }}
{{- if and .Values.gateway.grpc.enabled (hasSuffix "triton-test" .Values.triton.image.repository) }}

WARNING: gateway.grpc.enabled with the test image of Triton: its gRPC server may crash when a client goes away.
{{- end }}
{{- if .Values.gateway.public }}

WARNING: gateway.public is true. ANYONE WHO REACHES THE GATEWAY MAY ASK EVERY MODEL of every project, without a key{{ if or .Values.tls.existingSecret .Values.ingress.enabled .Values.httpRoute.enabled (ne .Values.gateway.service.type "ClusterIP") }}, also from outside the cluster{{ end }}. Set gateway.public to false unless that is what you want.
{{- end }}
{{- if not .Values.networkPolicy.enabled }}

WARNING: networkPolicy.enabled is false. Any pod of the cluster may talk to these.
{{- end }}
{{- if and (gt (int .Values.triton.replicas) 1) (ne .Values.triton.autoscaling.kind "none") }}

Note: the autoscaling of Triton needs a metrics adapter that serves queue times; without one it stays at its fewest pods.
{{- end }}
{{- end -}}
