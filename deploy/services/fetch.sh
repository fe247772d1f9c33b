#!/usr/bin/env bash
# Kafka and Elasticsearch for tests and benchmarks, without Docker: Maven fetches them into .services/ (or $TOCSIN_SERVICES).
# Prometheus and Alertmanager come from Debian's packages where this runs as root. Run again, it does what is missing.
set -euo pipefail
services="${TOCSIN_SERVICES:-$(dirname "$0")/../../.services}"
mkdir -p "$services"
services="$(cd "$services" && pwd)"
cd "$(dirname "$0")"

fetch_servers() {
  if cmp --silent pom.xml "$services/pom.xml"; then return; fi
  if ! command -v mvn >/dev/null; then
    echo "services: Maven is missing, so Kafka and Elasticsearch are not fetched (Debian: apt-get install maven)" >&2
    return 1
  fi
  echo "services: fetching Kafka and Elasticsearch, 170 MB"
  rm -rf "$services"/{kafka,elasticsearch,unpacked,pom.xml}
  # Held to sums of our own: a registry does not serve its own at all times. Made by `sha256sum kafka/*.jar *.zip`.
  mvn --quiet --batch-mode --file pom.xml -Dservices="$services/unpacked" generate-resources
  (cd "$services/unpacked" && sha256sum --quiet --strict --check -) <SHA256SUMS
  mvn --quiet --batch-mode --offline --file pom.xml -Dservices="$services/unpacked" process-resources
  mv "$services/unpacked/kafka" "$services/kafka"
  mv "$services"/unpacked/elasticsearch-*/ "$services/elasticsearch"
  rm -rf "$services/unpacked"
  # Elasticsearch never runs as root, whoever fetched it.
  chmod -R a+rX "$services/elasticsearch"
  # Last: what lies beside this file is whole.
  cp pom.xml "$services/pom.xml"
}

# A JDK that Elasticsearch runs on: 21 or later.
new_jdk() {
  local home version
  for home in "${ES_JAVA_HOME:-}" "${JAVA_HOME:-}" /usr/lib/jvm/*; do
    version="$("$home/bin/javac" -version 2>/dev/null | grep -oE '[0-9]+' | head -n 1)" || continue
    if [ "$version" -ge 21 ]; then
      echo "$home"
      return
    fi
  done
  echo "services: Elasticsearch needs a JDK 21 or later: install one, or set ES_JAVA_HOME" >&2
  return 1
}

# The fetched Elasticsearch cannot make an API key, for want of a few analysers. They are built against its own jars.
build_analysis() {
  local plugin="$services/elasticsearch/plugins/tocsin-analysis" home
  if cmp --silent analysis/Analysis.java "$plugin/Analysis.java"; then return; fi
  home="$(new_jdk)"
  rm -rf "$plugin"
  mkdir -p "$plugin/classes"
  "$home/bin/javac" --release 21 -cp "$services/elasticsearch/lib/*" -d "$plugin/classes" analysis/Analysis.java
  "$home/bin/jar" --create --file "$plugin/analysis.jar" -C "$plugin/classes" .
  rm -r "$plugin/classes"
  cp analysis/plugin-descriptor.properties "$plugin/"
  cp analysis/Analysis.java "$plugin/"
}

# Debian starts a daemon as it installs it, and again at boot; tests start their own.
install_quietly() {
  local policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod +x "$policy"
    trap "rm -f $policy" EXIT
  fi
  apt-get -qq update
  DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends "$@" >/dev/null
  if command -v systemctl >/dev/null; then systemctl --quiet disable "$@" || true; fi
}

have_tools() {
  command -v promtool >/dev/null && command -v amtool >/dev/null
}

install_tools() {
  if have_tools; then return; fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then install_quietly prometheus prometheus-alertmanager || true; fi
  have_tools || echo "services: promtool and amtool are missing and could not be installed" \
    "(Debian, as root: apt-get install prometheus prometheus-alertmanager)" >&2
}

fetch_servers
build_analysis
install_tools
