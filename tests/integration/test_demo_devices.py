"""The demo's devices over a real broker."""

import asyncio

from plumbline.address import Address
from plumbline.demo.devices import Sensors
from plumbline.mqtt import Connection
from tests.servers import Mosquitto


async def test_sensors_go_on_after_the_broker_was_killed(tmp_path):
    broker = Mosquitto(tmp_path / "broker")
    broker.start()
    address = Address.parse(broker.url)
    sensors = Sensors(lambda: Connection(address=address, client_id="devices"))
    publishing = asyncio.create_task(sensors.run())
    try:
        await asyncio.to_thread(broker.kill)
        for i in range(2000):  # more than they keep
            sensors.publish("dust", "environment", {"n": i})
        await asyncio.to_thread(broker.start)
        async with Connection(address=address, client_id="listener") as listener:
            await listener.subscribe("devices/dust/environment")
            sensors.publish("dust", "environment", {"n": "last"})
            async for message in listener.messages():
                message.ack()
                if message.payload == b'{"n": "last"}':
                    break
    finally:
        publishing.cancel()
        broker.stop()
