"""The protocol spoken by ourselves, over TCP and TLS: MQTT 5.0 and 3.1.1 (OASIS), what a `Connection` needs of it.

Made for receiving: all that the socket gave is read in one loop, and what is said within one turn of the event loop, a
thousand acknowledgements or one, goes out in one write.
"""

import asyncio
import contextlib
import re
import socket
import ssl
from collections import deque
from collections.abc import Sequence
from os import strerror
from typing import Final, Literal, cast

from plumbline.errors import MqttError, MqttRefusedError
from plumbline.mqtt import properties, reasons, wire
from plumbline.mqtt.decoder import ConnAck, Decoder, Packet, PingResp, PubAck, PubRel, SubAck
from plumbline.mqtt.inbox import Inbox
from plumbline.mqtt.link import Options
from plumbline.mqtt.message import Message
from plumbline.mqtt.outgoing import Outgoing
from plumbline.mqtt.tls import trouble
from plumbline.mqtt.wire import MalformedError
from plumbline.patience import Patience

#: The largest packet that is taken: much more than anything on a site, and a small gateway can hold it.
LARGEST_BYTES: Final = 32 * 1024 * 1024

_GOODBYE_S: Final = 1.0
#: A name with several addresses: the next one is tried when the first has not answered so soon (RFC 8305).
_NEXT_ADDRESS_S: Final = 0.25
#: The keep-alive is watched in so many steps. A ping goes out after three in which nothing was said, or nothing was heard;
#: after seven without a sign of life the broker is dead.
_STEPS: Final = 4
_QUIET_STEPS: Final = 3
_DEAD_STEPS: Final = 7


class NativeLink(asyncio.Protocol):
    """See `Link`."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._address = options.address
        self._five = options.version == "5"
        self.inbox = Inbox(self._pause_or_resume)
        self.lost: str | None = None
        self._inbound = max(1, min(options.inbound, 0xFFFF))
        # Mosquitto 2.0 sends some messages more than the receive maximum once the first are acknowledged; QoS 0 knows no bound
        self._room = self._inbound * 4 if self._five else self._inbound
        self._held = 0
        self._unparted = 0  # bytes since a message last came
        self._paused = False
        self._asking = 0
        self._decoder = Decoder(five=self._five, largest=LARGEST_BYTES, receiver=self)
        self._keepalive_s = min(options.keepalive_s, 0xFFFF)
        self._unheard = 0
        self._unsaid = 0
        self._tick: asyncio.TimerHandle | None = None
        self._transport: asyncio.Transport | None = None
        self._subscribing: dict[int, asyncio.Future[None]] = {}
        self._said: list[bytes] = []
        self._pings: deque[asyncio.Future[None] | None] = (
            deque()
        )  # in the order of their answers; the keep-alive waits for none

    async def open(self) -> bool:
        """Connect."""
        address, timeout_s = self._address, self._options.connect_timeout_s
        self._loop = asyncio.get_running_loop()
        self._welcome: asyncio.Future[bool] = self._loop.create_future()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._outgoing = Outgoing(address=address, five=self._five, loop=self._loop, say=self._say, taken=self._subscribing)
        try:
            self._greeting = self._connect_packet()
            async with Patience(timeout_s):
                await self._dial()
                return await self._welcome
        except TimeoutError:
            await self.abort()
            raise MqttError(f"{address}: no answer in {timeout_s:g} s; check host, port and firewall") from None
        except ssl.SSLError as error:
            await self.abort()
            raise MqttError(f"{address}: {trouble(error)}") from None
        except OSError as error:
            await self.abort()
            speaks = " and speaks TLS on this port" if self._options.tls is not None else ""
            what = f"check that the broker runs{speaks}, and that the address is right"
            raise MqttError(f"{address}: {_why(error)}; {what}") from None
        except ValueError as error:  # a name that cannot be one
            await self.abort()
            raise MqttError(f"{address}: {error}; check the address") from None
        except BaseException:
            await self.abort()
            raise

    def _connect_packet(self) -> bytes:
        options = self._options
        try:
            return wire.connect(
                five=self._five,
                client_id=options.client_id,
                clean=options.session_expiry_s == 0,
                keepalive_s=self._keepalive_s,
                will=options.will,
                username=self._address.username,
                password=self._address.password,
                session_expiry_s=min(options.session_expiry_s, 0xFFFF_FFFF),
                receive_maximum=self._inbound,
                largest=LARGEST_BYTES,
            )
        except MalformedError as error:
            raise MqttError(f"{self._address}: cannot connect with {error}; check client id, user, password and will") from None

    async def _dial(self) -> None:
        tls, host = self._options.tls, self._address.host
        context = None if tls is None else await self._loop.run_in_executor(None, tls.context)
        await self._loop.create_connection(
            lambda: self, host, self._address.port, ssl=context, happy_eyeballs_delay=_NEXT_ADDRESS_S
        )

    async def close(self, *, forget: bool = False) -> None:
        """Say goodbye; wait until the broker hangs up, so that it has read it."""
        transport = self._transport
        if transport is not None and self.lost is None:
            self._say(wire.disconnect(0, five=self._five, forget=forget))
            self._end(f"{self._address}: closed")
            try:
                if self._paused:
                    transport.resume_reading()
                if transport.can_write_eof():
                    with contextlib.suppress(OSError):  # the broker is gone, and we had not heard yet
                        transport.write_eof()
                else:
                    transport.close()
                await asyncio.wait([self._gone], timeout=_GOODBYE_S)
            finally:
                transport.abort()
        await self.abort()

    async def abort(self) -> None:
        """Close the socket as it is."""
        self._end(f"{self._address}: closed")
        if self._transport is not None:
            self._transport.abort()
            await asyncio.wait([self._gone], timeout=_GOODBYE_S)

    def publish_soon(self, topic: str, payload: bytes, qos: Literal[0, 1], retain: bool) -> asyncio.Future[None]:  # noqa: D102
        return self._outgoing.publish(topic, payload, qos=qos, retain=retain)

    async def subscribe(self, topic_filter: str, qos: Literal[0, 1]) -> None:  # noqa: D102
        try:
            wanted = wire.topic_filter(topic_filter)
        except MalformedError as error:
            raise MqttRefusedError(f"{self._address}: could not subscribe to {topic_filter[:200]!r}: {error}") from None
        packet_id = self._outgoing.free_id()
        done = self._subscribing[packet_id] = self._loop.create_future()
        self._say(wire.subscribe(wanted, qos=qos, packet_id=packet_id, five=self._five))
        self._asking += 1  # the answer may come behind a session's messages that nobody takes yet
        self._pause_or_resume()
        try:
            async with Patience(self._options.connect_timeout_s):
                await done
        except TimeoutError:
            raise MqttError(f"{self._address}: no answer to the subscription of {topic_filter}") from None
        finally:
            self._asking -= 1
            self._pause_or_resume()

    def ping(self) -> asyncio.Future[None]:  # noqa: D102
        done: asyncio.Future[None] = self._loop.create_future()
        if self.lost is not None:
            done.set_exception(MqttError(self.lost))
            done.exception()
        else:
            self._pings.append(done)
            self._say(wire.PINGREQ)
        return done

    def acknowledge(self, messages: Sequence[Message]) -> None:  # noqa: D102
        answers: list[int] = []
        taken = 0
        for message in messages:
            if message.receiver is self:
                message.receiver = None
                taken += 1
                if message.qos == 1:
                    answers.append(wire.PUBACK | message.packet_id)
                elif message.qos:  # a session of long ago that subscribed with QoS 2
                    answers.append(wire.PUBREC | message.packet_id)
        if self.lost is not None or not taken:
            return
        self._held -= taken
        if answers:
            self._say(wire.acknowledgements(answers))
        if self._paused:
            self._pause_or_resume()

    # Speaking.

    def _say(self, packet: bytes) -> None:
        if not self._said:
            self._loop.call_soon(self._flush)
        self._said.append(packet)

    def _flush(self) -> None:
        if self._said and self._transport is not None:
            self._transport.write(b"".join(self._said))
            self._unsaid = 0
        self._said.clear()

    def pause_writing(self) -> None:
        """The socket takes no more for now."""
        self._outgoing.choke()

    def resume_writing(self) -> None:
        """It does again."""
        self._outgoing.flow()

    # Hearing.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Introduce ourselves."""
        self._transport = cast("asyncio.Transport", transport)
        if self.lost is not None:  # nobody waits for it any more
            self._transport.abort()
            return
        sock = transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            # What nobody took for so long will not be taken: the kernel's own patience is a quarter of an hour (RFC 5482)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000 * self._keepalive_s)
        self._transport.write(self._greeting)

    def data_received(self, data: bytes) -> None:
        """Take in what the socket gave, and answer."""
        if self.lost is not None:
            return
        self._unheard = 0
        waiting = self.inbox.waiting
        before = len(waiting)
        self._unparted += len(data)
        try:
            packets = self._decoder.feed(data, waiting)
            for packet in packets:
                self._hear(packet)
            if len(waiting) > before and not self._welcome.done():
                raise MalformedError("a PUBLISH before its CONNACK", 0x82)
        except MalformedError as error:
            self._hang_up(error)
        if len(waiting) > before:
            self._held += len(waiting) - before
            self.inbox.told(self._unparted)
            self._unparted = 0
            self._pause_or_resume()

    def _hear(self, packet: Packet) -> None:
        if isinstance(packet, PubAck):
            self._outgoing.answered(packet.packet_id, packet.code, packet.reason)
        elif isinstance(packet, ConnAck):
            self._welcomed(packet)
        elif not self._welcome.done():
            raise MalformedError(f"a {type(packet).__name__} before its CONNACK", 0x82)
        elif isinstance(packet, SubAck):
            self._consented(packet)
        elif isinstance(packet, PingResp):
            done = self._pings.popleft() if self._pings else None
            if done is not None and not done.done():
                done.set_result(None)
        elif isinstance(packet, PubRel):
            self._say(wire.pubcomp(packet.packet_id))
        else:
            why = reasons.word(packet.code, packet.reason) + reasons.disconnect_advice(packet.code)
            self._end(f"{self._address}: connection lost: {why}")
            self._close()

    def _welcomed(self, packet: ConnAck) -> None:
        if self._welcome.done():
            raise MalformedError("a second CONNACK", 0x82)
        code = reasons.of_connack(packet.code, five=self._five)
        if code:
            why = f"{reasons.word(code, packet.told.reason)}; {reasons.connect_advice(code)}"
            self._end(f"{self._address}: the broker refused us: {why}")
            self._close()
            return
        numbers = packet.told.numbers
        self._outgoing.limit(numbers)
        self._keepalive_s = numbers.get(properties.SERVER_KEEP_ALIVE, self._keepalive_s)
        if self._keepalive_s:
            self._tick = self._loop.call_later(self._keepalive_s / _STEPS, self._watch)
        self._welcome.set_result(packet.session_present)

    def _consented(self, packet: SubAck) -> None:
        done = self._subscribing.pop(packet.packet_id, None)
        if done is None or done.done():
            return
        code = packet.codes[0]
        if reasons.failed(code):
            why = reasons.word(code, packet.reason)
            done.set_exception(MqttRefusedError(f"{self._address}: the broker refused a subscription: {why}"))
        else:
            done.set_result(None)

    def _pause_or_resume(self) -> None:
        full = (
            self._held >= self._room or self.inbox.full
        ) and not self._asking  # then the broker's own window is the bound: nothing is acknowledged
        if full == self._paused or self.lost is not None or self._transport is None:
            return
        self._paused = full
        if full:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def _watch(self) -> None:
        """A step of the keep-alive (3.1.2.10). Steps are counted, so that a machine that slept does not blame the broker.

        While reading is paused nothing can be heard, and the broker is not judged; a dead one is the kernel's to notice.
        """
        self._unsaid += 1
        self._unheard += not self._paused
        if self._unheard >= _DEAD_STEPS:
            self._end(f"{self._address}: connection lost: Keep alive timeout: the broker did not answer pings")
            self._close()
            return
        if self._unsaid >= _QUIET_STEPS or self._unheard >= _QUIET_STEPS:
            self._pings.append(None)
            self._say(wire.PINGREQ)
        self._tick = self._loop.call_later(self._keepalive_s / _STEPS, self._watch)

    # The end.

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell everybody."""
        asked = self._options.tls is not None and not self._welcome.done()
        old = self._five and self._options.tls is None and not self._welcome.done()
        advice = "; check cert_file: the broker may want a certificate that it knows" if asked else ""
        if old:
            advice = "; read the broker's log, and set version to 3.1.1 for one that speaks nothing newer"
        self._end(f"{self._address}: connection lost: {_why(exc)}{advice}")
        if not self._gone.done():
            self._gone.set_result(None)

    def _hang_up(self, error: MalformedError) -> None:
        """What came is not MQTT: say so to both sides."""
        if self._welcome.done() and self._five:
            self._say(wire.disconnect(error.code, five=True))
        spoken = f"MQTT {self._options.version}"
        what = f"the broker sent what cannot be {spoken}: {error}; check that a broker listens on this port"
        self._end(f"{self._address}: connection lost: {what}")
        self._close()

    def _close(self) -> None:
        """Close once everything said is out; `abort` follows, as whoever holds the connection leaves it."""
        self._flush()
        if self._transport is not None:
            self._transport.close()

    def _end(self, why: str) -> None:
        """Let nobody wait any longer: publishers, subscribers, the reader of messages. The first reason stands."""
        if self.lost is not None:
            return
        self._flush()
        self.lost = why
        if self._tick is not None:
            self._tick.cancel()
        if not self._welcome.done():
            self._welcome.set_exception(MqttError(why))
            self._welcome.exception()  # whoever connects may have its own error by now
        for done in (*self._subscribing.values(), *self._pings):
            if done is not None and not done.done():
                done.set_exception(MqttError(why))
                done.exception()
        self._subscribing.clear()
        self._pings.clear()
        self._outgoing.end(why)
        self._decoder = Decoder(five=self._five, largest=0)  # what it held of a packet is not needed any more
        self.inbox.end(why)


def _why(error: Exception | None) -> str:
    """What an error says in the system's words; asyncio's own repeat the address."""
    if error is None:
        return "the broker closed the connection"
    if isinstance(error, ssl.SSLError):
        return error.reason or str(error)
    if isinstance(error, socket.gaierror):
        return error.strerror or str(error)
    if isinstance(error, OSError):
        numbers = {error.errno} if error.errno else {int(one) for one in re.findall(r"\[Errno (\d+)\]", str(error))}
        return ", ".join(strerror(number) for number in sorted(numbers)) or str(error)
    return str(error)
