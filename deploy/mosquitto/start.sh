#!/bin/sh
# Make the broker's password file from the environment, then become the broker. The file lies in memory (tmpfs).
set -eu
folder=${MOSQUITTO_RUN:-/run/mosquitto}
passwords=$folder/passwords
umask 077
{
  printf 'ingest:%s\n' "${MQTT_INGEST_PASSWORD:?is missing; make .env with 'plumbline env'}"
  printf 'tracking:%s\n' "${MQTT_TRACKING_PASSWORD:?is missing; make .env with 'plumbline env', or add it}"
  printf 'health:%s\n' "${MQTT_HEALTH_PASSWORD:?is missing; make .env with 'plumbline env'}"
  printf 'fleet:%s\n' "${MQTT_FLEET_PASSWORD:?is missing; make .env with 'plumbline env', or add it}"
  for gateway in ${MQTT_GATEWAYS:-}; do
    printf '%s\n' "$gateway"
  done
} >"$passwords"
# Plain passwords become salted hashes in place: none appears on a command line.
mosquitto_passwd -U "$passwords"
exec mosquitto -c "${MOSQUITTO_CONFIG:-/mosquitto/config/mosquitto.conf}"
