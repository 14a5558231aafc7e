#!/bin/sh
# What systemd-modules-load does, with the lab's modprobe: loads what modules-load.d(5) names, and fails if one fails.
status=0
for directory in /etc/modules-load.d /run/modules-load.d /usr/local/lib/modules-load.d /usr/lib/modules-load.d; do
    for file in "$directory"/*.conf; do
        [ -e "$file" ] || continue
        while read -r module; do
            case $module in
                '' | '#'* | ';'*) ;;
                *) modprobe "$module" || status=1 ;;
            esac
        done <"$file"
    done
done
exit $status
