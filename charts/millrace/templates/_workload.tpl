{{/* The one Deployment of the chart, and the one container of a Python service. */}}

{{/* dict root component replicas recreate containers initContainers? volumes annotations? grace? */}}
{{- define "millrace.deployment" -}}
{{- $replicas := int .replicas -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  {{- include "millrace.metadata" (dict "root" .root "component" .component) | nindent 2 }}
spec:
  replicas: {{ $replicas }}
  revisionHistoryLimit: 3
  strategy: {{ include "millrace.strategy" . }}
  selector:
    matchLabels:
      {{- include "millrace.selector" . | nindent 6 }}
  template:
    metadata:
      {{- include "millrace.podmeta" . | nindent 6 }}
    spec:
      serviceAccountName: {{ include "millrace.accountname" . }}
      terminationGracePeriodSeconds: {{ .grace | default 30 }}
      {{- include "millrace.pod" . | nindent 6 }}
      {{- with include "millrace.spread" . }}
      {{- . | nindent 6 }}
      {{- end }}
      {{- with include "millrace.inits" . }}
      initContainers:
        {{- . | nindent 8 }}
      {{- end }}
      containers:
        {{- include "millrace.filled" . | nindent 8 }}
      volumes:
        - {name: tmp, emptyDir: {}}
        {{- .volumes | nindent 8 }}
        {{- with include "millrace.extravolumes" . }}
        {{- . | nindent 8 }}
        {{- end }}
{{- end -}}

{{/* dict root component recreate : how its pods are replaced */}}
{{- define "millrace.strategy" -}}
{{- $default := ternary (dict "type" "Recreate") (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxUnavailable" 0 "maxSurge" 1)) (empty .recreate | not) -}}
{{- (fromYaml (include "millrace.values" .)).updateStrategy | default $default | toJson -}}
{{- end -}}

{{/* dict root component replicas? recreate claim? : a Python service with its database, identity and volume */}}
{{- define "millrace.service" -}}
{{- $values := index .root.Values .component -}}
{{- $config := include "millrace.issuers" .root | sha256sum -}}
{{- include "millrace.deployment" (dict
  "root" .root
  "component" .component
  "replicas" (.replicas | default 1)
  "recreate" .recreate
  "annotations" (dict "checksum/config" $config)
  "containers" (include "millrace.service.container" (dict "root" .root "component" .component "values" $values))
  "volumes" (include "millrace.service.volumes" (dict "root" .root "component" .component "values" $values))
) -}}
{{- end -}}

{{- define "millrace.service.container" -}}
- name: {{ .component }}
  image: {{ include "millrace.image" (dict "root" .root "image" .values.image) }}
  imagePullPolicy: {{ .root.Values.global.imagePullPolicy }}
  {{- include "millrace.confined" . | nindent 2 }}
  env:
    {{- include "millrace.env" . | nindent 4 }}
    {{- with include (print "millrace.env." .component) .root }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- with (.values.storage | default dict).existingSecret }}
  envFrom:
    - secretRef: {name: {{ . }}}
  {{- end }}
  ports:
    - {name: http, containerPort: 8080}
    - {name: metrics, containerPort: 9090}
    {{- if eq .component "monitoring" }}
    - {name: otlp, containerPort: 4317}
    {{- end }}
  startupProbe:
    {{- include "millrace.get" (dict "path" "/healthz" "port" "http") | nindent 4 }}
    periodSeconds: 1
    timeoutSeconds: 3
    failureThreshold: 120
  readinessProbe:
    {{- include "millrace.get" (dict "path" "/readyz" "port" "http") | nindent 4 }}
    periodSeconds: 3
    timeoutSeconds: 3
  livenessProbe:
    {{- include "millrace.get" (dict "path" "/healthz" "port" "http") | nindent 4 }}
    periodSeconds: 10
    timeoutSeconds: 5
    failureThreshold: 6
  resources: {{ toJson .values.resources }}
  volumeMounts:
    - {name: tmp, mountPath: /tmp}
    - {name: home, mountPath: /var/lib/millrace}
    - {name: issuers, mountPath: /etc/millrace, readOnly: true}
    {{- with include "millrace.trust.mount" .root }}{{ . | nindent 4 }}{{ end }}
    {{- if eq .component "registry" }}{{ with include "millrace.audit.mounts" .root }}{{ . | nindent 4 }}{{ end }}{{ end }}
    {{- if eq .component "monitoring" }}{{ with include "millrace.notify.mounts" .root }}{{ . | nindent 4 }}{{ end }}{{ end }}
    {{- if ne .component "console" }}
    {{- include "millrace.token.mount" . | nindent 4 }}
    {{- include "millrace.kubernetes.mount" . | nindent 4 }}
    {{- end }}
{{- end -}}

{{- define "millrace.service.volumes" -}}
{{- include "millrace.home" . }}
- {name: issuers, configMap: {name: {{ include "millrace.fullname" .root }}-issuers}}
{{- with include "millrace.trust.volume" .root }}{{ . | nindent 0 }}{{ end }}
{{- if eq .component "registry" }}{{ with include "millrace.audit.volumes" .root }}{{ . | nindent 0 }}{{ end }}{{ end }}
{{- if eq .component "monitoring" }}{{ with include "millrace.notify.volumes" .root }}{{ . | nindent 0 }}{{ end }}{{ end }}
{{- /* The console shows the tokens of people, and has none of its own. */}}
{{- if ne .component "console" }}
{{ include "millrace.token.volume" .root }}
{{ include "millrace.kubernetes.volume" .root }}
{{- end }}
{{- end -}}

{{/* The volume of a service: a claim where it keeps data on one, else a folder that ends with the pod. */}}
{{- define "millrace.home" -}}
{{- if and (include "millrace.claimed" .) .root.Values.persistence.enabled -}}
- {name: home, persistentVolumeClaim: {claimName: {{ .values.persistence.existingClaim | default (printf "%s-%s" (include "millrace.fullname" .root) .component) }}}}
{{- else -}}
- {name: home, emptyDir: {}}
{{- end -}}
{{- end -}}

{{/* "yes" if the component keeps data on a volume: it has one in values, and no object store */}}
{{- define "millrace.claimed" -}}
{{- if and .values.persistence (not (.values.storage | default dict).url) -}}yes{{- end -}}
{{- end -}}

{{/* dict root component : the claim of a component; it outlives the release */}}
{{- define "millrace.claim" -}}
{{- $values := index .root.Values (.key | default .component) -}}
{{- if and .root.Values.persistence.enabled (include "millrace.claimed" (dict "values" $values)) (not $values.persistence.existingClaim) }}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "millrace.metadata" . | nindent 2 }}
  annotations: {{ merge (dict "helm.sh/resource-policy" "keep") $values.persistence.annotations .root.Values.persistence.annotations | toJson }}
spec:
  accessModes: [ReadWriteOnce]
  {{- with $values.persistence.storageClass | default .root.Values.persistence.storageClass }}
  storageClassName: {{ . }}
  {{- end }}
  resources: {requests: {storage: {{ $values.persistence.size }}}}
{{- end }}
{{- end -}}

{{/* dict root component : the Service of a Python service */}}
{{- define "millrace.clusterip" -}}
{{- include "millrace.exposed" (dict "root" .root "component" .component "ports" (include "millrace.clusterip.ports" .)) -}}
{{- end -}}

{{- define "millrace.clusterip.ports" -}}
- {name: http, port: 8080, targetPort: http}
- {name: metrics, port: 9090, targetPort: metrics}
{{- if eq .component "monitoring" }}
- {name: otlp, port: 4317, targetPort: otlp, appProtocol: kubernetes.io/h2c}
{{- end }}
{{- end -}}

{{/* dict root component ports : a Service, as its values want it; a node's port is that of the first port */}}
{{- define "millrace.exposed" -}}
{{- $service := (fromYaml (include "millrace.values" .)).service | default dict -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "millrace.metadata" . | nindent 2 }}
    {{- with $service.labels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $service.annotations }}
  annotations: {{ toJson . }}
  {{- end }}
spec:
  type: {{ $service.type | default "ClusterIP" }}
  {{- range $field := list "loadBalancerClass" "loadBalancerSourceRanges" "externalTrafficPolicy" }}
  {{- with get $service $field }}
  {{ $field }}: {{ toJson . }}
  {{- end }}
  {{- end }}
  selector:
    {{- include "millrace.selector" . | nindent 4 }}
  ports:
    {{- range $place, $port := fromYamlArray .ports }}
    {{- $node := ternary $service.nodePort nil (eq $place 0) }}
    {{- if eq $port.name "grpc" }}{{ $node = $service.grpcNodePort }}{{ end }}
    - {{ toJson (empty $node | ternary $port (set (deepCopy $port) "nodePort" $node)) }}
    {{- end }}
{{- end -}}

{{/* dict root component namespace? : its service account, unless values name one that is there already */}}
{{- define "millrace.account" -}}
{{- $own := (fromYaml (include "millrace.values" .)).serviceAccount | default dict -}}
{{- if dig "create" true $own }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- include "millrace.metadata" (merge (dict "name" (include "millrace.accountname" .)) .) | nindent 2 }}
  {{- with $own.annotations }}
  annotations: {{ toJson . }}
  {{- end }}
automountServiceAccountToken: false
{{- with .root.Values.global.imagePullSecrets }}
imagePullSecrets: {{ toJson . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* dict root component replicas */}}
{{- define "millrace.budget" -}}
{{- if gt (int .replicas) 1 -}}
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  {{- include "millrace.metadata" . | nindent 2 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "millrace.selector" . | nindent 6 }}
{{- end -}}
{{- end -}}
