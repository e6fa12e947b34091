{{- define "tenterhook.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 52 | trimSuffix "-" }}
{{- end }}

{{/* The name of every object: the release's, unless it is set. */}}
{{- define "tenterhook.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else if contains (include "tenterhook.name" .) .Release.Name -}}
{{ .Release.Name | trunc 52 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "tenterhook.name" .) | trunc 52 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "tenterhook.selector" -}}
app.kubernetes.io/name: {{ include "tenterhook.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "tenterhook.labels" -}}
{{ include "tenterhook.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The server's TOML file. JSON texts, numbers, booleans and arrays of texts are TOML too. */}}
{{- define "tenterhook.toml" -}}
listen = "{{ .Values.bindAddress }}:50051"
ops-listen = "{{ .Values.bindAddress }}:{{ .Values.opsPort }}"
{{- if not .Values.postgresql.existingSecret }}
store = "redb:/var/lib/tenterhook/store"
{{- end }}
{{- if .Values.apiKeys.existingSecret }}
api-keys = "/etc/tenterhook/api-keys/keys"
{{- end }}
{{- if .Values.tls.existingSecret }}
tls-cert = "/etc/tenterhook/tls/tls.crt"
tls-key = "/etc/tenterhook/tls/tls.key"
{{- else }}
insecure = true
{{- end }}
{{- if .Values.tls.clientCaSecret }}
client-ca = "/etc/tenterhook/client-ca/ca.crt"
{{- end }}
{{- if .Values.sealingKey.existingSecret }}
sealing-key-file = "/etc/tenterhook/sealing-key/sealing.key"
{{- end }}
{{- range $key, $value := .Values.config }}
{{ $key }} = {{ $value | toRawJson }}
{{- end }}
{{ end }}
