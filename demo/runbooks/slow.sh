#!/usr/bin/env bash
# Prints once a second, five times or as often as it is told: long enough to pull the plug.
seconds=${1:-5}
for second in $(seq "$seconds"); do
    echo "second $second of $seconds on $FARHAND_WORKER"
    sleep 1
done
