#!/usr/bin/env bash
# Prints for a few seconds: long enough to pull the plug on its agent.
for second in 1 2 3 4 5; do
    echo "second $second of 5 on $FARHAND_WORKER"
    sleep 1
done
