{{/* How monitoring tells people: what it is allowed, and where it finds what is secret. */}}
{{- define "millrace.notify.env" -}}
{{- $n := .Values.notify -}}
- {name: MILLRACE_NOTIFY_SECRETS, value: /etc/millrace-notify}
- {name: MILLRACE_WEBHOOK_HOSTS, value: {{ toJson $n.hosts | squote }}}
- {name: MILLRACE_CONSOLE_URL, value: {{ $n.consoleUrl | quote }}}
- {name: MILLRACE_NOTIFY_CHANNELS, value: {{ toJson $n.channels | quote }}}
- {name: MILLRACE_NOTIFY_RECIPIENTS, value: {{ toJson $n.recipients | squote }}}
{{- if $n.smtp.host }}
- {name: MILLRACE_SMTP_HOST, value: {{ $n.smtp.host | quote }}}
- {name: MILLRACE_SMTP_PORT, value: {{ $n.smtp.port | int | quote }}}
- {name: MILLRACE_SMTP_SECURITY, value: {{ $n.smtp.security }}}
- {name: MILLRACE_SMTP_FROM, value: {{ $n.smtp.from | quote }}}
{{- with $n.smtp.existingSecret }}
- {name: MILLRACE_SMTP_USER, valueFrom: {secretKeyRef: {name: {{ . }}, key: username}}}
- {name: MILLRACE_SMTP_PASSWORD, valueFrom: {secretKeyRef: {name: {{ . }}, key: password}}}
{{- end }}
{{- if $n.smtp.caSecret }}
- {name: MILLRACE_SMTP_CA_FILE, value: /etc/millrace-smtp/ca.crt}
{{- end }}
{{- end }}
{{- end -}}

{{- define "millrace.notify.mounts" -}}
{{- range $place, $name := .Values.notify.secrets }}
- {name: notify-{{ $place }}, mountPath: /etc/millrace-notify/{{ $name }}, readOnly: true}
{{- end }}
{{- if and .Values.notify.smtp.host .Values.notify.smtp.caSecret }}
- {name: smtp-ca, mountPath: /etc/millrace-smtp, readOnly: true}
{{- end }}
{{- end -}}

{{- define "millrace.notify.volumes" -}}
{{- range $place, $name := .Values.notify.secrets }}
- {name: notify-{{ $place }}, secret: {secretName: {{ $name }}, optional: true}}
{{- end }}
{{- with .Values.notify.smtp }}
{{- if and .host .caSecret }}
- {name: smtp-ca, secret: {secretName: {{ .caSecret }}, items: [{key: ca.crt, path: ca.crt}]}}
{{- end }}
{{- end }}
{{- end -}}

{{/* Lines of NOTES.txt about who is told. */}}
{{- define "millrace.notes.notify" -}}
{{- $n := .Values.notify }}
{{- if $n.smtp.host }}
E-mail goes by {{ $n.smtp.host }}:{{ $n.smtp.port }} ({{ $n.smtp.security }}) from {{ $n.smtp.from }}; try it: millrace notify test my-loop
{{- else }}
Nobody gets e-mail of what happens to loops: notify.smtp.host names no mail server (docs/howto/notify.md).
{{- end }}
{{- end -}}
