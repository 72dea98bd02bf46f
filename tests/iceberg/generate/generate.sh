#!/bin/bash
# Writes the tables of tests/iceberg/tables; see README.md.
# Usage: generate.sh SPARK_JARS ICEBERG_JAR
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=/tmp/flight-server-fixtures
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT
rm -rf "$root"
jars="$2:$1/*"
javac -nowarn -cp "$jars" -d "$build" "$here"/*.java
opens=(--add-opens=java.base/{java.lang,java.lang.invoke,java.nio,java.net,java.util,java.util.concurrent,sun.nio.ch,sun.util.calendar,sun.security.action}=ALL-UNNAMED)
java -Xmx1g "${opens[@]}" -cp "$build:$jars" Generate "$build/truth.json"
python3 "$here/gather.py" "$root" "$build/truth.json" "$here/../tables"
