"""Every stream is answered, however many there are and however slowly the broker takes the answers."""

import asyncio

from ingest.receiving.answers import Answers
from plumbline import codec
from plumbline.delivery import Watermark
from plumbline.errors import MqttError


class SlowBroker:
    """A connection on which what is published is acknowledged when the test says so."""

    def __init__(self) -> None:
        self.said = []
        self.open = []

    def publish_soon(self, _topic, payload, *, retain):
        self.said.append((codec.decode_watermark(payload), retain))
        self.open.append(asyncio.get_running_loop().create_future())
        return self.open[-1]

    async def acknowledge(self):
        while self.open:
            self.open.pop(0).set_result(None)
            await asyncio.sleep(0)

    def names(self):
        return [mark.gateway for mark, _ in self.said]


def mark(number: int, *, upto: int = 1, epoch: str = "e1", beyond=()) -> Watermark:
    return Watermark(site="s", gateway=f"g{number:05d}", epoch=epoch, event_class="telemetry", upto=upto, beyond=beyond)


async def test_of_thousands_of_gateways_in_one_group_none_is_left_without_an_answer():
    answers, broker = Answers(), SlowBroker()
    answers.say(broker, [mark(n) for n in range(4000)])
    assert len(broker.open) <= 1000
    await broker.acknowledge()
    assert broker.names() == [f"g{n:05d}" for n in range(4000)]


async def test_what_waits_is_said_as_it_is_by_then_and_in_its_turn():
    answers, broker = Answers(), SlowBroker()
    answers.say(broker, [mark(n) for n in range(1500)])
    answers.say(broker, [mark(1400, upto=7), mark(3)])
    await broker.acknowledge()
    assert [m.upto for m, _ in broker.said if m.gateway == "g01400"] == [7]
    assert broker.names() == [f"g{n:05d}" for n in (*range(1500), 3)]


async def test_what_waited_on_a_lost_connection_is_said_on_the_next():
    answers, broker, after = Answers(), SlowBroker(), SlowBroker()
    answers.say(broker, [mark(n) for n in range(1200)])
    for answer in broker.open:
        answer.set_exception(MqttError("gone"))
    await asyncio.sleep(0)
    assert len(broker.said) == 1000
    answers.say(after, [mark(2000)])
    assert after.names() == [f"g{n:05d}" for n in (*range(1000, 1200), 2000)]


async def test_an_older_epoch_is_never_what_the_broker_keeps_even_if_its_turn_comes_late():
    answers, broker = Answers(), SlowBroker()
    answers.say(broker, [*(mark(n) for n in range(1000)), mark(5000)])
    answers.say(broker, [mark(5000, epoch="e2")])
    await broker.acknowledge()
    assert [(m.epoch, retain) for m, retain in broker.said if m.gateway == "g05000"] == [("e1", False), ("e2", True)]


async def test_what_waits_is_bounded_whatever_it_tells_of():
    answers, broker = Answers(), SlowBroker()
    many = tuple((n, n) for n in range(3, 515, 2))
    answers.say(broker, [mark(n, beyond=many) for n in range(3000)])
    await broker.acknowledge()
    assert 1000 < len(broker.said) < 1000 + 50_000 / 256


async def test_the_goodbye_waits_for_all_that_was_to_be_said():
    answers, broker = Answers(), SlowBroker()
    answers.say(broker, [mark(n) for n in range(1100)])
    ending = asyncio.create_task(answers.last())
    await broker.acknowledge()
    await ending
    assert len(broker.said) == 1100
