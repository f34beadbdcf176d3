{{/* Sentences that NOTES.txt says loudly. */}}
{{/* When training is a RayJob: what the cluster has, and what the values allow. */}}
{{- define "millrace.notes.ray" -}}
{{- if and (.Capabilities.APIVersions.Has "ray.io/v1") (eq .Values.training.job.ray "auto") }}
KubeRay is installed: a loop that says `training.executor: ray` trains as a RayJob; every other job is a plain Job.
{{- else if .Capabilities.APIVersions.Has "ray.io/v1" }}
KubeRay is installed, but training.job.ray is never: all jobs are plain Jobs, also of loops that say `training.executor: ray`.
{{- end }}
{{- end -}}

{{/* How a person logs in: an Ingress with TLS is found by itself, a route or a door of its own is not. */}}
{{- define "millrace.notes.login" -}}
{{- $urls := fromYamlArray (include "millrace.notes.urls" .) -}}
millrace login --kube
{{- if and $urls (not .Values.ingress.enabled) }} --url {{ first $urls }}{{ end -}}
{{- end -}}

{{/* URLs of the door outside, as a list: those of the Ingress, of the HTTPRoute, or what people are shown. */}}
{{- define "millrace.notes.urls" -}}
{{- $urls := list -}}
{{- if .Values.ingress.enabled -}}
{{- $secured := list -}}
{{- range .Values.ingress.tls }}{{ $secured = concat $secured .hosts }}{{ end -}}
{{- range .Values.ingress.hosts -}}
{{- $wild := printf "*.%s" (. | splitList "." | rest | join ".") -}}
{{- $urls = append $urls (printf "%s://%s" (or (has . $secured) (has $wild $secured) | ternary "https" "http") .) -}}
{{- end -}}
{{- end -}}
{{- if .Values.httpRoute.enabled }}{{ range .Values.httpRoute.hostnames }}{{ $urls = append $urls (print "https://" .) }}{{ end }}{{ end -}}
{{- if and (not $urls) (include "millrace.edge" .) .Values.gateway.publicUrl }}{{ $urls = append $urls .Values.gateway.publicUrl }}{{ end -}}
{{- toYaml (uniq $urls) -}}
{{- end -}}

{{/* Where the platform is reached from outside: host and TLS of the Ingress or the route, else the door's Service, else a port-forward. */}}
{{- define "millrace.notes.reached" -}}
{{- $door := printf "%s-edge" (include "millrace.fullname" .) -}}
{{- $space := .Release.Namespace -}}
{{- if include "millrace.edge" . }}

From outside; /registry/, /training/, … lead to the services, all else is inference{{ if .Values.gateway.grpc.enabled }}, over gRPC too{{ end }}:
{{- range fromYamlArray (include "millrace.notes.urls" .) }}
  {{ . }}
{{- end }}
{{- if .Values.ingress.enabled }}
The Ingress {{ $door }}{{ with .Values.ingress.className }} of the class {{ . }}{{ end }}{{ if not .Values.ingress.hosts }} takes every host name{{ end }}; where its controller answers:
  kubectl -n {{ $space }} get ingress {{ $door }}
{{- end }}
{{- if .Values.httpRoute.enabled }}
The HTTPRoute {{ $door }} of {{ range $place, $parent := .Values.httpRoute.parentRefs }}{{ if $place }}, {{ end }}the Gateway {{ with .namespace }}{{ . }}/{{ end }}{{ .name }}{{ end }}, whose listener decides on TLS{{ if not .Values.httpRoute.hostnames }} and the host names{{ end }}; whether it was taken:
  kubectl -n {{ $space }} get httproute {{ $door }} -o jsonpath='{.status.parents[*].conditions}'
{{- end }}
{{- with .Values.tls.existingSecret }}
{{- $type := $.Values.tls.service.type }}
Https on the Service {{ $door }} ({{ $type }}), port 443, with the certificate in {{ . }}{{ if eq $type "ClusterIP" }}: inside the cluster, and wherever you lead it from there{{ end }}.
  kubectl -n {{ $space }} get service {{ $door }}
{{- end }}
{{- else }}

From this machine `millrace` goes by port-forward, a new one for each command. For another program:
  kubectl -n {{ $space }} port-forward service/{{ include "millrace.fullname" . }}-gateway 8000:8000
An Ingress, an HTTPRoute or a door with TLS: ingress.enabled, httpRoute.enabled, tls.existingSecret.
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
{{- range fromYamlArray (include "millrace.notes.urls" .) }}
{{- if hasPrefix "http://" . }}

WARNING: {{ . }} speaks no TLS. Tokens and keys cross the network in plaintext; name the host in ingress.tls.
{{- end }}
{{- end }}
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
