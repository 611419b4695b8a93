#!/bin/sh
# Runs a command under a title and says how long it took: timed.sh TITLE COMMAND [ARGUMENT...]
title=$1
shift
echo "-- $title"
start=$(date +%s)
"$@"
status=$?
took=$(($(date +%s) - start))
if [ "$status" -eq 0 ]; then
    echo "-- $title: done in $took s"
else
    echo "-- $title: failed after $took s (exit $status)" >&2
fi
exit "$status"
