{{/* The environment of the Python services; each service documents its settings in its settings module. */}}

{{/* dict root component : what all of them have; the console has no database and no token of its own */}}
{{- define "millrace.env" -}}
- {name: HOME, value: /tmp}
- {name: MILLRACE_SERVICE, value: {{ .component }}}
- {name: MILLRACE_HOST, value: 0.0.0.0}
- {name: MILLRACE_PORT, value: "8080"}
- {name: MILLRACE_METRICS_PORT, value: "9090"}
- {name: MILLRACE_HOME, value: /var/lib/millrace}
- {name: MILLRACE_MIGRATE, value: never}
- {name: MILLRACE_ALLOWED_HOSTS, value: {{ include "millrace.hosts" (dict "root" .root "components" (eq .component "serving" | ternary (list "serving" "gateway") (list .component)) "more" (eq .component "console" | ternary .root.Values.console.hosts .root.Values.gateway.hosts)) | squote }}}
- {name: MILLRACE_ISSUERS_FILE, value: /etc/millrace/issuers.json}
{{- include "millrace.env.urls" .root }}
{{- if ne .component "console" }}
{{ include "millrace.env.token" . }}
{{ include "millrace.env.database" . }}
{{- end }}
{{- with include "millrace.trust.env" .root }}{{ . | nindent 0 }}{{ end }}
{{- with (.values.storage | default dict).url }}
- {name: MILLRACE_STORAGE_URL, value: {{ . | quote }}}
{{- end }}
{{- end -}}

{{/* where the services are, and the token that is shown to them */}}
{{- define "millrace.env.client" -}}
{{- include "millrace.env.urls" . }}
{{ include "millrace.env.token" . }}
{{- end -}}

{{- define "millrace.env.urls" -}}
{{- range list "registry" "training" "serving" "monitoring" "controller" }}
- {name: MILLRACE_{{ upper . }}_URL, value: "http://{{ include "millrace.address" (dict "root" $ "component" .) }}:8080"}
{{- end }}
{{- end -}}

{{- define "millrace.env.token" -}}
- {name: MILLRACE_TOKEN_FILE, value: /var/run/secrets/millrace.dev/token}
{{- end -}}

{{- define "millrace.env.console" -}}
- {name: MILLRACE_HTTPS_ONLY, value: {{ .Values.console.httpsOnly | quote }}}
{{- with .Values.console.publicUrl }}
- {name: MILLRACE_CONSOLE_PUBLIC_URL, value: {{ . | quote }}}
{{- end }}
{{- with .Values.console.oidc }}{{ if .issuer }}
- {name: MILLRACE_OIDC_ISSUER, value: {{ .issuer | quote }}}
- {name: MILLRACE_OIDC_CLIENT_ID, value: {{ .clientId | quote }}}
- {name: MILLRACE_OIDC_SCOPES, value: {{ .scopes | quote }}}
- {name: MILLRACE_OIDC_TOKEN, value: {{ .token | quote }}}
- {name: MILLRACE_OIDC_NAME, value: {{ .name | quote }}}
{{- with .existingSecret }}
- {name: MILLRACE_OIDC_CLIENT_SECRET, valueFrom: {secretKeyRef: {name: {{ . }}, key: clientSecret}}}
{{- end }}
{{- end }}{{ end }}
{{- end -}}

{{/* dict root component : one database for each service */}}
{{- define "millrace.env.database" -}}
{{- if .root.Values.embeddedPostgres.enabled -}}
- {name: MILLRACE_DATABASE_PASSWORD, valueFrom: {secretKeyRef: {name: {{ include "millrace.fullname" .root }}-postgres, key: password}}}
- {name: MILLRACE_DATABASE_URL, value: "postgresql+asyncpg://millrace:$(MILLRACE_DATABASE_PASSWORD)@{{ include "millrace.address" (dict "root" .root "component" "postgres") }}:5432/millrace_{{ .component }}"}
{{- else -}}
- {name: MILLRACE_DATABASE_URL, valueFrom: {secretKeyRef: {name: {{ .root.Values.externalDatabase.existingSecret }}, key: {{ .component }}}}}
{{- end -}}
{{- end -}}

{{/* what those need that make pods, and what those pods are given */}}
{{- define "millrace.env.placement" -}}
{{- $secrets := list -}}
{{- range .Values.global.imagePullSecrets }}{{ $secrets = append $secrets .name }}{{ end -}}
- {name: MILLRACE_PLATFORM, value: kubernetes}
- {name: MILLRACE_RELEASE, value: {{ include "millrace.fullname" . }}}
- {name: MILLRACE_INSTANCE, value: {{ .Release.Name }}}
- {name: MILLRACE_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
- {name: MILLRACE_WORKLOADS_NAMESPACE, value: {{ include "millrace.workloads" . }}}
- {name: MILLRACE_IMAGE_PULL_SECRETS, value: {{ toJson $secrets | squote }}}
- {name: MILLRACE_NODE_SELECTOR, value: {{ toJson .Values.workloads.nodeSelector | squote }}}
- {name: MILLRACE_TOLERATIONS, value: {{ toJson .Values.workloads.tolerations | squote }}}
{{- end -}}

{{/* where training and the controller tell what ran */}}
{{- define "millrace.env.openlineage" -}}
- {name: MILLRACE_OPENLINEAGE_URL, value: {{ .Values.openlineage.url | quote }}}
- {name: MILLRACE_OPENLINEAGE_NAMESPACE, value: {{ .Values.openlineage.namespace | quote }}}
{{- with .Values.openlineage.existingSecret }}
- {name: MILLRACE_OPENLINEAGE_KEY, valueFrom: {secretKeyRef: {name: {{ . }}, key: apiKey}}}
{{- end }}
{{- end -}}

{{- define "millrace.env.registry" -}}
- {name: MILLRACE_PERSONAL_TOKEN_DAYS, value: {{ .Values.identity.tokenDays | int | quote }}}
{{ include "millrace.audit.env" . }}
{{- end -}}

{{- define "millrace.env.training" -}}
- {name: MILLRACE_JOB_IMAGE, value: {{ include "millrace.image" (dict "root" . "image" .Values.training.job.image) }}}
- {name: MILLRACE_JOB_SERVICE_ACCOUNT, value: {{ include "millrace.accountname" (dict "root" . "component" "job") }}}
- {name: MILLRACE_JOB_CPU, value: {{ .Values.training.job.cpu | quote }}}
- {name: MILLRACE_JOB_QUEUE, value: {{ .Values.training.job.queue | quote }}}
- {name: MILLRACE_RAY, value: {{ .Values.training.job.ray }}}
- {name: MILLRACE_NETWORK_POLICIES, value: {{ .Values.networkPolicy.enabled | quote }}}
- {name: MILLRACE_PENDING_SECONDS, value: {{ .Values.training.job.pendingSeconds | quote }}}
- {name: MILLRACE_SHORTAGE_SECONDS, value: {{ .Values.training.job.shortageSeconds | int | quote }}}
- {name: MILLRACE_RUNTIME_CLASS, value: {{ .Values.workloads.runtimeClassName | quote }}}
- {name: MILLRACE_POD_SHAPES, value: {{ include "millrace.shapes" (dict "root" . "components" (list "job")) | quote }}}
{{ include "millrace.env.openlineage" . }}
{{ include "millrace.env.placement" . }}
{{- end -}}

{{- define "millrace.env.serving" -}}
- {name: MILLRACE_TRITON_IMAGE, value: {{ include "millrace.image" (dict "root" . "image" .Values.triton.image) }}}
- {name: MILLRACE_TRITON_BACKEND, value: {{ .Values.triton.backend }}}
- {name: MILLRACE_TRITON_RUNTIMES, value: {{ toJson .Values.triton.runtimes | squote }}}
{{- $engines := .Values.triton.engines }}
- {name: MILLRACE_TRITON_ENGINES, value: {{ empty $engines.claim | ternary "" (toJson $engines) | squote }}}
- {name: MILLRACE_MEASURE_FORMS, value: {{ .Values.triton.measureForms | quote }}}
- {name: MILLRACE_TRITON_REPLICAS, value: {{ .Values.triton.replicas | quote }}}
{{- $scaling := .Values.triton.autoscaling }}
- {name: MILLRACE_TRITON_AUTOSCALING, value: {{ eq $scaling.kind "none" | ternary "" (toJson $scaling) | squote }}}
- {name: MILLRACE_AUTOSCALER, value: {{ .Values.autoscaling.enabled | quote }}}
- {name: MILLRACE_SCALE_DOWN_SECONDS, value: {{ .Values.autoscaling.scaleDownSeconds | int | quote }}}
- {name: MILLRACE_TRITON_STANDBY, value: {{ eq .Values.triton.standby.kind "own" | ternary "" (toJson .Values.triton.standby) | squote }}}
- {name: MILLRACE_TRITON_RESOURCES, value: {{ toJson .Values.triton.resources | squote }}}
- {name: MILLRACE_TRITON_SERVICE_ACCOUNT, value: {{ include "millrace.accountname" (dict "root" . "component" "triton") }}}
- {name: MILLRACE_SERVING_IMAGE, value: {{ include "millrace.image" (dict "root" . "image" .Values.serving.image) }}}
- {name: MILLRACE_GATEWAY_SERVICE, value: {{ include "millrace.fullname" . }}-gateway-pods}
- {name: MILLRACE_GRPC, value: {{ .Values.gateway.grpc.enabled | quote }}}
- {name: MILLRACE_GATEWAY_PUBLIC, value: {{ .Values.gateway.public | quote }}}
- {name: MILLRACE_PUBLIC_URL, value: {{ .Values.gateway.publicUrl | quote }}}
- {name: MILLRACE_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: MILLRACE_RUNTIME_CLASS, value: {{ .Values.workloads.runtimeClassName | quote }}}
- {name: MILLRACE_POD_SHAPES, value: {{ include "millrace.shapes" (dict "root" . "components" (list "triton" "measure")) | quote }}}
{{ include "millrace.env.placement" . }}
{{- end -}}

{{- define "millrace.env.monitoring" -}}
- {name: MILLRACE_OTLP_HOST, value: 0.0.0.0}
- {name: MILLRACE_OTLP_PORT, value: "4317"}
{{ include "millrace.notify.env" . }}
{{- end -}}

{{- define "millrace.env.controller" -}}
- {name: MILLRACE_OPERATOR, value: {{ .Values.controller.operator.enabled | quote }}}
- {name: MILLRACE_WATCH_NAMESPACES, value: {{ toJson (.Values.controller.operator.watchAllNamespaces | ternary list .Values.controller.operator.namespaces) | squote }}}
- {name: MILLRACE_NAMESPACE_PROJECTS, value: {{ toJson .Values.controller.operator.projects | squote }}}
- {name: MILLRACE_AUTOSCALER, value: {{ .Values.autoscaling.enabled | quote }}}
- {name: MILLRACE_SHARED_STANDBY, value: {{ eq .Values.triton.standby.kind "shared" | quote }}}
- {name: MILLRACE_APPROVAL_POLICY, value: {{ .Values.controller.operator.approvalPolicy | quote }}}
- {name: MILLRACE_POD_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
- {name: MILLRACE_KFP_URL, value: {{ .Values.controller.kfp.url | quote }}}
- {name: MILLRACE_KFP_UI_URL, value: {{ .Values.controller.kfp.uiUrl | quote }}}
- {name: MILLRACE_KFP_NAMESPACE, value: {{ .Values.controller.kfp.namespace }}}
- {name: MILLRACE_KFP_SERVICE_ACCOUNT, value: {{ .Values.controller.kfp.serviceAccount }}}
- {name: MILLRACE_RUNNER_IMAGE, value: {{ include "millrace.image" (dict "root" . "image" .Values.controller.runner.image) }}}
- {name: MILLRACE_RUNNER_SERVICE_ACCOUNT, value: {{ include "millrace.accountname" (dict "root" . "component" "pipeline") }}}
- {name: MILLRACE_RUNNER_RESOURCES, value: {{ toJson .Values.controller.runner.resources | squote }}}
- {name: MILLRACE_SHORTAGE_SECONDS, value: {{ .Values.training.job.shortageSeconds | int | quote }}}
- {name: MILLRACE_BACKTEST_IMAGE, value: {{ include "millrace.image" (dict "root" . "image" .Values.training.job.image) }}}
- {name: MILLRACE_BACKTEST_SERVICE_ACCOUNT, value: {{ include "millrace.accountname" (dict "root" . "component" "backtest") }}}
- {name: MILLRACE_BACKTEST_RESOURCES, value: {{ toJson .Values.controller.backtest.resources | squote }}}
- {name: MILLRACE_POD_SHAPES, value: {{ include "millrace.shapes" (dict "root" . "components" (list "pipeline" "backtest")) | quote }}}
{{ include "millrace.env.openlineage" . }}
{{ include "millrace.env.placement" . }}
{{- end -}}
