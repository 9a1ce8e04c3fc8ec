#!/bin/sh
# Runs buf from npm: lints the wire. Without node it says so and passes on a laptop; CI must have it.
set -eu
if ! command -v npx >/dev/null 2>&1; then
    echo "buf: skipped, there is no node on this machine"
    test -z "${CI:-}" || { echo "buf: CI needs node" >&2; exit 1; }
    exit 0
fi
exec npx --yes --package @bufbuild/buf@1.75.0 -- buf "$@"
