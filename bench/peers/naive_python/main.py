"""The naive peer: paho's callback, json, and influxdb-client's own batching writer.

python main.py BROKER_PORT INFLUX_PORT DATABASE
"""
# ruff: noqa: INP001, T201, D103 - a user's script, not a part of the product

import json
import signal
import sys
from typing import Any

from influxdb_client import InfluxDBClient, Point, WriteOptions
from paho.mqtt import client as mqtt


def open_influx(port: int, database: str) -> InfluxDBClient:
    """A client whose writes reach InfluxDB 1.6: it knows only `/api/v2/write`, which came with 1.8."""
    client = InfluxDBClient(url=f"http://127.0.0.1:{port}", token="", org="-")
    call = client.api_client.call_api

    def call_1x(path: str, method: str, path_params: Any, query: Any, *rest: Any, **more: Any) -> Any:
        if path == "/api/v2/write":
            path, query = "/write", [("db", database), ("precision", "ns")]
        return call(path, method, path_params, query, *rest, **more)

    client.api_client.call_api = call_1x
    return client


def main() -> None:
    broker_port, influx_port, database = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    influx = open_influx(influx_port, database)
    writer = influx.write_api(WriteOptions(batch_size=5_000, flush_interval=1_000))

    def on_connect(client: mqtt.Client, *_: Any) -> None:
        client.subscribe("plumbline/v1/+/+/events/+", qos=1)

    def on_subscribe(*_: Any) -> None:
        print("subscribed", flush=True)

    def on_message(_client: mqtt.Client, _userdata: object, message: mqtt.MQTTMessage) -> None:
        points: list[Point] = []
        for event in json.loads(message.payload)["events"]:
            point = Point(event["measurement"]).tag("site", event["site"]).tag("device", event["device"]).time(event["at"])
            for metric, value in event["values"].items():
                point.field(metric, float(value))
            points.append(point)
        writer.write(bucket=database, record=points)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id="bench-naive", clean_session=False)
    client.on_connect, client.on_subscribe, client.on_message = on_connect, on_subscribe, on_message
    client.connect("127.0.0.1", broker_port)
    signal.signal(signal.SIGTERM, lambda *_: client.disconnect())
    client.loop_forever()
    writer.close()
    influx.close()


if __name__ == "__main__":
    main()
