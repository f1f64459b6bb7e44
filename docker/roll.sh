#!/bin/sh
# Replaces every replica without a failed request:
#
#   docker/roll.sh                                  after `docker compose build`, or a change of settings
#   ABAIR_IMAGE=abair:earlier docker/roll.sh        back to an earlier image
#   docker/roll.sh gpu0                             a service with one replica on a GPU with room for two
#
# As many new replicas start beside the old ones. When all are ready, the old ones are stopped one
# after the other: each finishes its pictures. If a new one is not ready in time, the new ones are
# removed, the old ones stay, and the exit code is 1.
#
#   ENGINE     docker, or podman                                             docker
#   COMPOSE    docker compose, or podman-compose; same file, same variables  docker compose
#   PROJECT    name of the compose project                                   abair
#   PATIENCE   seconds in which the new replicas have to be ready            180
set -eu

engine=${ENGINE:-docker}
compose=${COMPOSE:-docker compose}
project=${PROJECT:-abair}
service=${1:-replica}

replicas() {
    $engine ps --all --quiet --no-trunc --filter "label=com.docker.compose.project=$project" \
        --filter "label=com.docker.compose.service=$service"
}

remove() {
    for id in "$@"; do
        $engine stop --time 130 "$id" >/dev/null || true # it may have ended by itself
        $engine rm --force "$id" >/dev/null
    done
}

old=$(replicas)
count=$(echo "$old" | grep -c .) || { echo "there is no container of $service" >&2; exit 1; }
echo "$count old, $count new of $service"
$compose --project-name "$project" up -d --no-deps --no-recreate --scale "$service=$((2 * count))" "$service"
new=$(replicas | grep --invert-match --fixed-strings "$old") || { echo "no new replica started" >&2; exit 1; }

deadline=$(($(date +%s) + ${PATIENCE:-180}))
for id in $new; do
    until $engine exec "$id" abair health --ready >/dev/null 2>&1; do
        if [ "$(date +%s)" -ge "$deadline" ]; then
            echo "a new replica is not ready; its last lines:" >&2
            $engine logs --tail 5 "$id" >&2
            # shellcheck disable=SC2086
            remove $new
            exit 1
        fi
        sleep 1
    done
done
echo "the new ones are ready"
sleep 5 # the balancer looks for new addresses and checks them every second
# shellcheck disable=SC2086
remove $old
echo "the old ones are gone"
