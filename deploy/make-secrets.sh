#!/usr/bin/env bash
# Random passwords, a token and a certificate authority for docker-compose.yml, in deploy/secrets. What is there stays.
# The files are readable by all, the folder by its owner only: the processes in the containers run as other users.
set -euo pipefail
umask 022
secrets="${1:-$(dirname "$0")/secrets}"
install -d -m 700 "$secrets"
cd "$secrets"

random() {
  for name in "$@"; do
    [ -s "$name.txt" ] || openssl rand -hex 32 >"$name.txt"
  done
}

# For people to fill in; empty until then.
asked() {
  for name in "$@"; do
    [ -e "$name.txt" ] || : >"$name.txt"
  done
}

certificate() {
  if [ -s elasticsearch.crt ] && [ -s elasticsearch.key ] && [ -s ca.crt ]; then return; fi
  local curve=(-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650)
  openssl req -x509 "${curve[@]}" -subj "/CN=Tocsin on this machine" -keyout ca.key -out ca.crt \
    -addext "keyUsage=critical,keyCertSign,cRLSign" 2>/dev/null
  chmod 600 ca.key
  openssl req -x509 "${curve[@]}" -subj "/CN=elasticsearch" -keyout elasticsearch.key -out elasticsearch.crt \
    -CA ca.crt -CAkey ca.key -addext "subjectAltName=DNS:elasticsearch,DNS:localhost,IP:127.0.0.1" \
    -addext "basicConstraints=critical,CA:FALSE" 2>/dev/null
  # `openssl req` keeps a key to itself; the server's must be readable where the server runs.
  chmod 644 elasticsearch.key
}

random console_token webhook_secret elastic_password kibana_system_password kibana_encryption_key tocsin_elasticsearch_password \
  analyst_password grafana_admin_password
asked alertmanager_slack_url alertmanager_smtp_password
certificate
echo "secrets: in $(pwd)" >&2
