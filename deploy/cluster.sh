#!/bin/sh
# Makes six servers a cluster of three masters with a replica each, and keeps them one: who came back at another address,
# or with nothing, is introduced anew. Each step may be done twice, and this may be stopped anywhere. /tmp/whole is there
# while the cluster is whole, which docker-compose.yml asks for.
servers="cluster-1 cluster-2 cluster-3 cluster-4 cluster-5 cluster-6"

ask() {  # SERVER COMMAND …
    server=$1
    shift
    valkey-cli -h "$server" -t 2 CLUSTER "$@" 2>/dev/null | tr -d '\r'
}

fact() {  # SERVER NAME
    ask "$1" INFO | sed -n "s/^$2://p"
}

# The masters that it knows, with the number of their slots' ranges and of their replicas: ID SLOTS REPLICAS
masters() {  # SERVER
    ask "$1" NODES | awk '
        $3 ~ /fail|noaddr|handshake/ { next }
        $3 ~ /master/ { slots[$1] = NF - 8 }
        $3 ~ /slave/ { replicas[$4]++ }
        END { for (id in slots) print id, slots[id], replicas[id] + 0 }'
}

introduce() {
    for each in $servers; do
        found=$(getent hosts "$each" | awk '{ print $1; exit }')
        [ -n "$found" ] && ask cluster-1 MEET "$found" 6379 >/dev/null
    done
}

# Only while nobody knows of a whole set of slots: then no key is stored yet.
share_out() {
    for each in $servers; do
        assigned=$(fact "$each" cluster_slots_assigned)
        [ "${assigned:-16384}" = 16384 ] && return
    done
    ask cluster-1 ADDSLOTSRANGE 0 5460 >/dev/null
    ask cluster-2 ADDSLOTSRANGE 5461 10922 >/dev/null
    ask cluster-3 ADDSLOTSRANGE 10923 16383 >/dev/null
}

# A master without slots becomes a replica where there are fewest.
attach() {
    for each in $servers; do
        own=$(ask "$each" MYID)
        [ -n "$own" ] && masters "$each" | grep -q "^$own 0 " || continue
        most_alone=$(masters "$each" | awk '$2 > 0' | sort -n -k 3 | awk '{ print $1; exit }')
        [ -n "$most_alone" ] && ask "$each" REPLICATE "$most_alone" >/dev/null
        sleep 1  # until the others know
    done
}

trouble() {
    for each in $servers; do
        state=$(fact "$each" cluster_state)
        known=$(fact "$each" cluster_known_nodes)
        if [ -z "$state" ]; then echo "$each does not answer"
        elif [ "$state" != ok ]; then echo "$each has the cluster for $state"
        elif [ "$known" -lt 6 ]; then echo "$each knows only $known servers"
        elif masters "$each" | grep -q " 0 [0-9]*$"; then echo "$each knows a master without slots"
        fi
    done
}

before=starting
trap exit TERM INT
while :; do
    now=$(trouble)
    [ "$now" = "$before" ] || echo "${now:-the cluster is whole}"
    before=$now
    if [ -z "$now" ]; then
        touch /tmp/whole
        pause=5
    else
        pause=1
        rm -f /tmp/whole
        introduce
        share_out
        attach
    fi
    sleep $pause &
    wait $!
done
