{{/* What signs how far the chains are, and where that goes: for the registry alone. */}}
{{- define "millrace.audit.env" -}}
{{- $a := .Values.audit -}}
{{- if $a.existingSecret -}}
- {name: MILLRACE_AUDIT_KEY_FILE, value: /etc/millrace-audit/key.pem}
{{ end -}}
- {name: MILLRACE_AUDIT_EXPORTS, value: {{ toJson $a.exports | squote }}}
- {name: MILLRACE_AUDIT_SECONDS, value: {{ $a.seconds | int | quote }}}
{{- end -}}

{{- define "millrace.audit.mounts" -}}
{{- if .Values.audit.existingSecret -}}
- {name: audit-key, mountPath: /etc/millrace-audit, readOnly: true}
{{- end -}}
{{- end -}}

{{- define "millrace.audit.volumes" -}}
{{- with .Values.audit -}}
{{- if .existingSecret -}}
- {name: audit-key, secret: {secretName: {{ .existingSecret }}, items: [{key: {{ .secretKey }}, path: key.pem}]}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Lines of NOTES.txt about what an auditor can hold the chains to. */}}
{{- define "millrace.notes.audit" -}}
{{- with .Values.audit }}
{{- if .exports }}
How far all chains are is signed by the Secret {{ .existingSecret }} and goes to {{ join ", " .exports }} every {{ .seconds | int }} s; look: millrace audit verify
{{- else }}
Signed heads of the audit stay in the registry's own home: name a key and a place outside, so that a cut-off end is seen (audit.existingSecret, audit.exports; docs/howto/audit.md).
{{- end }}
{{- end }}
{{- end -}}
