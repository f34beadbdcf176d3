{{/* Envoy with TLS in front of everything: /registry/… to the registry, and so on; all else is inference. */}}
{{- define "millrace.edge.config" -}}
node: {id: edge, cluster: millrace}
admin:
  address: {socket_address: {address: 127.0.0.1, port_value: 9901}}
static_resources:
  listeners:
    {{- range $name, $port := fromYaml (include "millrace.edge.listeners" .) }}
    - name: {{ $name }}
      address: {socket_address: {address: 0.0.0.0, port_value: {{ $port }}}}
      filter_chains:
        - {{- if eq $name "https" }}
          transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                alpn_protocols: [h2, http/1.1]
                tls_params: {tls_minimum_protocol_version: TLSv1_2}
                tls_certificate_sds_secret_configs:
                  - name: certificate
                    sds_config: {path_config_source: {path: /etc/envoy/certificate.yaml}}
          {{- end }}
          filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: {{ eq $name "https" | ternary "edge" "plain" }}
                normalize_path: true
                merge_slashes: true
                path_with_escaped_slashes_action: REJECT_REQUEST
                common_http_protocol_options: {headers_with_underscores_action: REJECT_REQUEST, idle_timeout: 3600s}
                stream_idle_timeout: 300s
                request_headers_timeout: 30s
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    {{- with $.Values.console.hosts }}
                    - name: console
                      domains: {{ include "millrace.edge.domains" . }}
                      routes:
                        - match: {prefix: /}
                          route: {cluster: console, timeout: 120s}
                    {{- end }}
                    - name: all
                      domains: ["*"]
                      routes:
                        {{- range list "registry" "training" "serving" "monitoring" "controller" }}
                        - match: {prefix: /{{ . }}/}
                          route: {cluster: {{ . }}, prefix_rewrite: /, host_rewrite_literal: {{ include "millrace.fullname" $ }}-{{ . }}, timeout: 900s}
                        {{- end }}
                        {{- if $.Values.gateway.grpc.enabled }}
                        - match: {prefix: /inference.GRPCInferenceService/, grpc: {}}
                          route: {cluster: gateway-grpc, host_rewrite_literal: {{ include "millrace.fullname" $ }}-gateway, timeout: 60s, retry_policy: {retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: 2}}
                        {{- end }}
                        - match: {prefix: /}
                          route: {cluster: gateway, host_rewrite_literal: {{ include "millrace.fullname" $ }}-gateway, timeout: 60s, retry_policy: {retry_on: "connect-failure,refused-stream,reset-before-request", num_retries: 2}}
    {{- end }}
    - name: metrics
      address: {socket_address: {address: 0.0.0.0, port_value: 9902}}
      filter_chains:
        - filters:
            - name: envoy.filters.network.http_connection_manager
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: metrics
                http_filters:
                  - name: envoy.filters.http.router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        {{- range list "/ready" "/stats/prometheus" }}
                        - match: {path: {{ . }}, headers: [{name: ":method", string_match: {exact: GET}}]}
                          route: {cluster: admin}
                        {{- end }}
  clusters:
    - name: admin
      type: STATIC
      load_assignment:
        cluster_name: admin
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: 9901}}}}]}]
    {{- $behind := list "registry" "training" "serving" "monitoring" "controller" "gateway" }}
    {{- if .Values.console.hosts }}{{ $behind = append $behind "console" }}{{ end }}
    {{- range $behind }}
    - name: {{ . }}
      type: STRICT_DNS
      dns_lookup_family: V4_PREFERRED
      connect_timeout: 2s
      load_assignment:
        cluster_name: {{ . }}
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: {{ include "millrace.address" (dict "root" $ "component" .) }}.{{ $.Values.clusterDomain }}, port_value: {{ eq . "gateway" | ternary 8000 8080 }}}}}}]}]
    {{- end }}
    {{- if .Values.gateway.grpc.enabled }}
    - name: gateway-grpc
      type: STRICT_DNS
      dns_lookup_family: V4_PREFERRED
      connect_timeout: 2s
      typed_extension_protocol_options:
        envoy.extensions.upstreams.http.v3.HttpProtocolOptions:
          "@type": type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions
          explicit_http_config: {http2_protocol_options: {}}
          # A new connection may meet another gateway pod.
          common_http_protocol_options: {max_connection_duration: 60s}
      load_assignment:
        cluster_name: gateway-grpc
        endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: {{ include "millrace.address" (dict "root" $ "component" "gateway") }}.{{ $.Values.clusterDomain }}, port_value: 8000}}}}]}]
    {{- end }}
{{- end -}}

{{/* "yes" if there is a door: for TLS of its own, or behind an ingress controller or a Gateway */}}
{{- define "millrace.edge" -}}
{{- if or .Values.tls.existingSecret (include "millrace.edge.plain" .) -}}yes{{- end -}}
{{- end -}}

{{/* "yes" if somebody else ends TLS, who then speaks plainly to the door */}}
{{- define "millrace.edge.plain" -}}
{{- if or .Values.ingress.enabled .Values.httpRoute.enabled -}}yes{{- end -}}
{{- end -}}

{{/* host names as Envoy compares them: with any port */}}
{{- define "millrace.edge.domains" -}}
{{- $domains := list -}}
{{- range . }}{{ $domains = concat $domains (list . (print . ":*")) }}{{ end -}}
{{- toJson $domains -}}
{{- end -}}

{{- define "millrace.edge.listeners" -}}
{{- if .Values.tls.existingSecret }}
https: 8443
{{- end }}
{{- if include "millrace.edge.plain" . }}
http: 8080
{{- end }}
{{- end -}}
