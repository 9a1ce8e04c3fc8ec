#!/usr/bin/env bash
# What this machine is: the first thing that one wants to know of a host.
set -euo pipefail
. /etc/os-release
printf '%-10s %s\n' \
    host "$(uname -n)" \
    system "${PRETTY_NAME:-unknown}" \
    kernel "$(uname -r)" \
    cores "$(nproc)" \
    memory "$(awk '/MemTotal/ {printf "%.1f GiB", $2 / 1048576}' /proc/meminfo)" \
    uptime "$(awk '{printf "%d min", $1 / 60}' /proc/uptime)" \
    worker "$FARHAND_WORKER" \
    job "$FARHAND_JOB_ID"
