{{/* What every pod and container has in common: restricted security, placement, probes. */}}

{{/* dict root component : the pod's own part; what values say of it stands in `_shape.tpl` */}}
{{- define "millrace.pod" -}}
{{- $shape := fromYaml (include "millrace.shape" .) -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  fsGroup: 65532
  fsGroupChangePolicy: OnRootMismatch
  seccompProfile: {type: RuntimeDefault}
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- range $field := list "nodeSelector" "tolerations" "affinity" "priorityClassName" }}
{{- with get $shape $field }}
{{ $field }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* dict root component annotations? : labels and annotations of a pod */}}
{{- define "millrace.podmeta" -}}
{{- $shape := fromYaml (include "millrace.shape" .) -}}
labels:
  {{- include "millrace.labels" . | nindent 2 }}
  {{- with $shape.labels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with merge (dict) (.annotations | default dict) ($shape.annotations | default dict) }}
annotations: {{ toJson . }}
{{- end }}
{{- end -}}

{{- define "millrace.confined" -}}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: {drop: [ALL]}
{{- end -}}

{{/* dict path port : an HTTP GET that names itself localhost, a host that every service answers to */}}
{{- define "millrace.get" -}}
httpGet: {path: {{ .path }}, port: {{ .port }}, httpHeaders: [{name: Host, value: localhost}]}
{{- end -}}

{{/* The token of Millrace's audience; the other services know the pod by it. */}}
{{- define "millrace.token.volume" -}}
- name: token
  projected:
    sources:
      - serviceAccountToken: {audience: millrace, expirationSeconds: 3600, path: token}
{{- end -}}

{{/* The token of the API server, where the Kubernetes client looks for it. */}}
{{- define "millrace.kubernetes.volume" -}}
- name: kubernetes
  projected:
    sources:
      - serviceAccountToken: {expirationSeconds: 3607, path: token}
      - configMap: {name: kube-root-ca.crt, items: [{key: ca.crt, path: ca.crt}]}
      - downwardAPI: {items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]}
{{- end -}}

{{- define "millrace.token.mount" -}}
- {name: token, mountPath: /var/run/secrets/millrace.dev, readOnly: true}
{{- end -}}

{{- define "millrace.kubernetes.mount" -}}
- {name: kubernetes, mountPath: /var/run/secrets/kubernetes.io/serviceaccount, readOnly: true}
{{- end -}}

{{/* Authorities in place of the images' own: read by OpenSSL, by the object store's client, and by asyncpg. */}}
{{- define "millrace.trust.env" -}}
{{- if .Values.trust.existingConfigMap -}}
- {name: SSL_CERT_FILE, value: /etc/trust/ca.crt}
- {name: PGSSLROOTCERT, value: /etc/trust/ca.crt}
{{- end -}}
{{- end -}}

{{- define "millrace.trust.volume" -}}
{{- with .Values.trust.existingConfigMap -}}
- {name: trust, configMap: {name: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end -}}
{{- end -}}

{{- define "millrace.trust.mount" -}}
{{- if .Values.trust.existingConfigMap -}}
- {name: trust, mountPath: /etc/trust, readOnly: true}
{{- end -}}
{{- end -}}
