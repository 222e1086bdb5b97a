{{- define "simulcast.fullname" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "simulcast" $name) }}{{ $name = printf "%s-simulcast" $name }}{{ end -}}
{{- $name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- /* Takes a list of the root and the component's name, as do the following. */ -}}
{{- define "simulcast.selector" -}}
app.kubernetes.io/name: simulcast
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "simulcast.labels" -}}
{{- $root := index . 0 -}}
{{ include "simulcast.selector" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" "simulcast" $root.Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "simulcast.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "simulcast.fullname" $root }}-{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- include "simulcast.labels" . | nindent 2 }}
{{- end -}}

{{- define "simulcast.podMetadata" -}}
labels:
  {{- include "simulcast.labels" . | nindent 2 }}
{{- with index . 2 }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "simulcast.image" -}}
{{- with .Values.image -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end -}}
{{- end -}}

{{- /* Numbers from files are floats, and large ones would get an exponent. */ -}}
{{- define "simulcast.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) }}{{ int64 . }}{{ else }}{{ . }}{{ end -}}
{{- end -}}

{{- /* Takes a list of the root, the settings of a component, and what the chart sets where nobody else does. */ -}}
{{- define "simulcast.env" -}}
{{- $root := index . 0 -}}
- name: REDIS_URL
{{- with $root.Values.redis }}
{{- if .existingSecret }}
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret | quote }}, key: {{ .key | quote }}}
{{- else }}
  value: {{ .url | default (printf "redis://%s-valkey:6379/0" (include "simulcast.fullname" $root)) | quote }}
{{- end }}
{{- end }}
{{- $env := dict }}
{{- range list (index . 2) $root.Values.env (index . 1) }}
{{- range $name, $value := . }}{{ $_ := set $env $name $value }}{{ end }}
{{- end }}
{{- range $name, $value := $env }}
- name: {{ $name }}
  value: {{ include "simulcast.text" $value | quote }}
{{- end }}
{{- end -}}

{{- define "simulcast.envFrom" -}}
{{- with .existingSecret }}
envFrom:
  - secretRef: {name: {{ . | quote }}}
{{- end }}
{{- end -}}

{{- /* Of every pod. Links to services are off: Kubernetes would set SIMULCAST_PORT to an address. The processes share a
namespace so that the program isn't process 1, which the kernel shields from a signal that it doesn't handle yet. */ -}}
{{- define "simulcast.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
shareProcessNamespace: true
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . | quote }}
  {{- end }}
{{- end }}
{{- end -}}

{{- define "simulcast.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ int64 . }}
runAsGroup: {{ int64 . }}
fsGroup: {{ int64 . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "simulcast.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end -}}

{{- define "simulcast.claim" -}}
{{ .Values.downloads.existingClaim | default (printf "%s-downloads" (include "simulcast.fullname" .)) }}
{{- end -}}
