"""One MQTT connection, as small as we need it: connect, subscribe, publish until acknowledged, receive and acknowledge.

paho-mqtt does the protocol; the event loop tells it when its socket can be read or written. There is no thread: one that
hands over each message fights for the interpreter with the loop, which cost half of the throughput and 50 ms of latency.
This module adds acknowledgement by the application (a message counts as received when we say so, not when it arrives) and
bounded memory: with MQTT 5 the broker holds back by receive maximum, otherwise the socket is not read.
"""

import asyncio
import contextlib
import random
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Literal, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from plumbline.address import Address
from plumbline.backoff import CAP_S, FIRST_S, delay_s
from plumbline.errors import MqttError, MqttRefusedError, first_of

Version = Literal["5", "3.1.1"]
_GOODBYE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class Will:
    """What the broker says for us when we vanish (QoS 1)."""

    topic: str
    payload: bytes
    retain: bool = True


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust and who we are, for `mqtts://` and `wss://`. The files are read at each connection: they may be renewed."""

    ca_file: str | None = None
    """Certificates (PEM) of who may sign for the broker; `None`: whom the system trusts."""
    cert_file: str | None = None
    """Our own certificate (PEM), for a broker that asks for one."""
    key_file: str | None = None
    """Its key, where that is not in `cert_file`."""

    def context(self) -> ssl.SSLContext:
        """Read the files. Raises `MqttError` that names the one that is missing or wrong."""
        what = f"ca_file {self.ca_file}"
        try:
            context = ssl.create_default_context(cafile=self.ca_file)
            if self.cert_file is not None:
                what = f"cert_file {self.cert_file}" + (f" with key_file {self.key_file}" if self.key_file else "")
                context.load_cert_chain(self.cert_file, self.key_file, password=_no_password)
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise MqttError(f"{what}: cannot be used ({why}); a PEM file that the agent may read is needed") from None
        return context


def _no_password() -> str:
    raise ValueError("the key has a password, and nobody is there to type it")


class Message:
    """A message that arrived. It stays the broker's until `ack` is called (QoS 1)."""

    __slots__ = ("_ack", "payload", "qos", "retain", "topic")

    def __init__(self, topic: str, payload: bytes, qos: int, retain: bool, ack: Callable[[], None]) -> None:
        self.topic = topic
        self.payload = payload
        self.qos = qos
        self.retain = retain
        self._ack = ack

    def ack(self) -> None:
        """Take the message over: the broker may forget it. Once per message; every message needs it, QoS 0 too."""
        self._ack()


class Connection:
    """One connection to a broker, from `async with` to its end; it does not reconnect by itself (see `keep_connected`).

    Args:
        address: the broker.
        client_id: stable and unique where the session should outlive the connection.
        version: `5`, or `3.1.1` for brokers that speak nothing newer.
        will: said by the broker when the connection is lost.
        session_expiry_s: how long the broker keeps subscriptions and QoS 1 messages for us; 0 starts clean each time.
        inbound: how many messages may be unacknowledged at once.
        keepalive_s: the longest silence before a ping.
        connect_timeout_s: how long the broker may take to answer.
        tls: for `mqtts://` and `wss://`.
    """

    def __init__(
        self,
        *,
        address: Address,
        client_id: str,
        version: Version = "5",
        will: Will | None = None,
        session_expiry_s: int = 0,
        inbound: int = 128,
        keepalive_s: int = 20,
        connect_timeout_s: float = 10.0,
        tls: Tls | None = None,
    ) -> None:
        self._address = address
        self._tls = (tls or Tls()) if address.scheme in {"mqtts", "wss"} else None
        self._five = version == "5"
        self._expiry_s = session_expiry_s
        self._inbound = inbound
        self._keepalive_s = keepalive_s
        self._timeout_s = connect_timeout_s
        self._queue: asyncio.Queue[Message | None] = asyncio.Queue()
        self._held = 0
        # Mosquitto 2.0 sends some messages more than the receive maximum once the first are acknowledged
        self._room = inbound * 4 if self._five else inbound
        self._paused = False
        self._asking = 0
        self._socket: socket.socket | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._lost: str | None = None
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self._five else session_expiry_s == 0,
            protocol=MQTTProtocolVersion.MQTTv5 if self._five else MQTTProtocolVersion.MQTTv311,
            transport="websockets" if address.scheme in {"ws", "wss"} else "tcp",
            reconnect_on_failure=False,
            manual_ack=True,
        )
        if address.username is not None:
            client.username_pw_set(address.username, address.password)
        if address.scheme in {"ws", "wss"}:
            client.ws_set_options(path=address.path)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        client.connect_timeout = connect_timeout_s
        client.max_inflight_messages_set(1000)  # who publishes bounds its own window
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_write_wanted
        client.on_socket_unregister_write = self._on_write_done
        self._client = client

    @property
    def address(self) -> Address:
        """The broker."""
        return self._address

    @property
    def inbound(self) -> int:
        """How many messages may be unacknowledged at once."""
        return self._inbound

    async def __aenter__(self) -> Self:
        """Connect. Raises `MqttError` where the broker cannot be reached or refuses."""
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[None] = self._loop.create_future()
        properties = None
        if self._five:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = self._expiry_s
            properties.ReceiveMaximum = self._inbound
        self._thread = threading.get_ident()
        connecting = self._loop.run_in_executor(None, self._open, properties)
        try:
            async with asyncio.timeout(self._timeout_s):
                await connecting
                self._upkeep = asyncio.create_task(self._keep_up(), name="mqtt-upkeep")
                await self._connected
        except TimeoutError:
            await self._stop(connecting)
            raise MqttError(f"{self._address}: no answer in {self._timeout_s:g} s; check host, port and firewall") from None
        except ssl.SSLError as error:
            await self._stop(connecting)
            raise MqttError(f"{self._address}: {_tls_trouble(error)}") from None
        except OSError as error:
            await self._stop(connecting)
            speaks = " and speaks TLS on this port" if self._tls is not None else ""
            raise MqttError(
                f"{self._address}: {error.strerror or error}; check that the broker runs{speaks}, and that the address is right"
            ) from None
        except ValueError as error:
            await self._stop(connecting)
            raise MqttError(f"{self._address}: {error}; check the address") from None
        except BaseException:
            await self._stop(connecting)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say goodbye (a clean disconnect: the will is not sent) and close the socket."""
        self._client.disconnect()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                while self._client.want_write() and self._socket is not None:
                    self._client.loop_write()
                    await asyncio.sleep(0)
        await self._stop()

    async def publish(self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 1, retain: bool = False) -> None:
        """Publish and wait until the broker acknowledged (QoS 1). Raises `MqttError` where the connection ends first."""
        await self.publish_soon(topic, payload, qos=qos, retain=retain)

    def publish_soon(self, topic: str, payload: bytes, *, qos: Literal[0, 1] = 1, retain: bool = False) -> asyncio.Future[None]:
        """Publish; the future is done when the broker acknowledged, or fails: `MqttRefusedError` (MQTT 5), else `MqttError`."""
        done = self._loop.create_future()
        if self._lost is not None:
            done.set_exception(MqttError(self._lost))
            return done
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            done.set_exception(MqttError(f"{self._address}: could not publish to {topic}: {paho.error_string(info.rc)}"))
        else:
            self._pending[info.mid] = done
        return done

    async def subscribe(self, topic_filter: str, *, qos: Literal[0, 1] = 1) -> None:
        """Subscribe and wait for the broker's consent. Raises `MqttRefusedError` where it refuses."""
        if self._lost is not None:
            raise MqttError(self._lost)
        if self._five:
            rc, mid = self._client.subscribe(topic_filter, options=SubscribeOptions(qos=qos))
        else:
            rc, mid = self._client.subscribe(topic_filter, qos)
        if mid is None:
            raise MqttError(f"{self._address}: could not subscribe to {topic_filter}: {paho.error_string(rc)}")
        done = self._pending[mid] = self._loop.create_future()
        self._asking += 1  # the answer may come behind a session's messages that nobody takes yet
        self._pause_or_resume()
        try:
            async with asyncio.timeout(self._timeout_s):
                await done
        except TimeoutError:
            raise MqttError(f"{self._address}: no answer to the subscription of {topic_filter}") from None
        finally:
            self._asking -= 1
            self._pause_or_resume()

    async def messages(self) -> AsyncIterator[Message]:
        """The messages in the order of their arrival, until the connection ends: then raises `MqttError`."""
        while True:
            message = await self._queue.get()
            if message is None:
                raise MqttError(self._lost or f"{self._address}: closed")
            yield message

    def _open(self, properties: Properties | None) -> None:
        """Resolve the name, open the socket, shake hands: what blocks, in a thread."""
        if self._tls is not None:
            self._client.tls_set_context(self._tls.context())  # pyright: ignore[reportUnknownMemberType] - paho leaves it untyped
        self._client.connect(
            self._address.host,
            self._address.port,
            self._keepalive_s,
            clean_start=self._expiry_s == 0 if self._five else paho.MQTT_CLEAN_START_FIRST_ONLY,
            properties=properties,
        )

    async def _keep_up(self) -> None:
        """Pings and time-outs. While reading is paused no answer to a ping is seen: a stall of two keep-alives reconnects."""
        while self._client.loop_misc() == MQTTErrorCode.MQTT_ERR_SUCCESS:  # noqa: ASYNC110 - paho wants to be asked each second
            await asyncio.sleep(1)

    # paho calls what follows: in the loop's thread, or while connecting in the one that connects. Everything runs in the loop,
    # after the call that caused it, so an answer never overtakes the entry in `_pending` that waits for it.

    def _in_loop(self, act: Callable[..., object], *what: Any) -> None:
        if threading.get_ident() == self._thread:
            act(*what)
        else:
            self._loop.call_soon_threadsafe(act, *what)

    def _on_socket_open(self, _c: paho.Client, _u: Any, sock: Any) -> None:
        def watch() -> None:
            self._socket = sock
            with contextlib.suppress(OSError, AttributeError):  # small packets shall not wait 40 ms for each other (Nagle)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                # What nobody took for so long will not be taken: the kernel's own patience is a quarter of an hour (RFC 5482)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 2000 * self._keepalive_s)
            self._loop.add_reader(sock, self._read)

        self._in_loop(watch)

    def _on_socket_close(self, _c: paho.Client, _u: Any, sock: Any) -> None:
        number = sock.fileno()

        def forget() -> None:
            self._socket = None
            if number >= 0:
                self._loop.remove_reader(number)
                self._loop.remove_writer(number)

        self._in_loop(forget)

    def _on_write_wanted(self, _c: paho.Client, _u: Any, sock: Any) -> None:
        self._in_loop(self._loop.add_writer, sock, self._client.loop_write)

    def _on_write_done(self, _c: paho.Client, _u: Any, sock: Any) -> None:
        self._in_loop(self._loop.remove_writer, sock)

    def _read(self) -> None:
        if self._client.loop_read() == MQTTErrorCode.MQTT_ERR_SUCCESS and self._socket is not None and not self._paused:
            buffered = getattr(self._socket, "pending", None)  # TLS and WebSockets hold bytes that the selector does not see
            if buffered is not None and buffered():
                self._loop.call_soon(self._read)

    def _pause_or_resume(self) -> None:
        full = (
            self._held >= self._room and not self._asking
        )  # then the broker's own window is the bound: nothing is acknowledged
        if full == self._paused or self._socket is None:
            return
        self._paused = full
        if full:
            self._loop.remove_reader(self._socket)
        else:
            self._loop.add_reader(self._socket, self._read)
            self._loop.call_soon(self._read)

    def _on_connect(self, _c: paho.Client, _u: Any, _f: paho.ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        if self._connected.done():
            return
        if code.is_failure:
            advice = (
                "check user, password and the broker's access rules" if code.value in {134, 135} else "check the broker's log"
            )
            self._connected.set_exception(MqttError(f"{self._address}: the broker refused us: {code}; {advice}"))
        else:
            self._connected.set_result(None)

    def _on_disconnect(
        self, _c: paho.Client, _u: Any, _f: paho.DisconnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        asked = self._tls is not None and not self._connected.done()
        advice = "; check cert_file: the broker may want a certificate that it knows" if asked else ""
        self._in_loop(self._end, f"{self._address}: connection lost: {code}{advice}")

    def _end(self, why: str) -> None:
        """Let nobody wait any longer: publishers, subscribers, the reader of messages. The first reason stands."""
        if self._lost is None:
            self._lost = why
        if not self._connected.done():
            self._connected.set_exception(MqttError(self._lost))
        for done in self._pending.values():
            if not done.done():
                done.set_exception(MqttError(self._lost))
                done.exception()  # whoever waits sees it; who does not wait need not
        self._pending.clear()
        self._queue.put_nowait(None)

    def _on_message(self, client: paho.Client, _u: Any, message: paho.MQTTMessage) -> None:
        mid, qos = message.mid, message.qos

        def ack() -> None:
            self._held -= 1
            if qos:
                client.ack(mid, qos)
            self._pause_or_resume()

        self._held += 1
        self._queue.put_nowait(Message(message.topic, bytes(message.payload), qos, message.retain, ack))
        self._pause_or_resume()

    def _on_publish(self, _c: paho.Client, _u: Any, mid: int, code: ReasonCode, _p: Properties) -> None:
        advice = "check the broker's access rules for this user"
        self._settle(mid, f"{self._address}: the broker refused a message: {code}; {advice}" if code.is_failure else None)

    def _on_subscribe(self, _c: paho.Client, _u: Any, mid: int, codes: list[ReasonCode], _p: Properties) -> None:
        refused = next((str(code) for code in codes if code.is_failure), None)
        self._settle(mid, f"{self._address}: the broker refused a subscription: {refused}" if refused else None)

    def _settle(self, mid: int, error: str | None) -> None:
        done = self._pending.pop(mid, None)
        if done is not None and not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(MqttRefusedError(error))

    async def _stop(self, connecting: asyncio.Future[None] | None = None) -> None:
        if self._upkeep is not None:
            self._upkeep.cancel()
        if connecting is not None and not connecting.done():  # the thread cannot be stopped; what it opens is closed
            connecting.add_done_callback(lambda done: (done.cancelled() or done.exception(), self._shut()))
        self._shut()
        self._end(f"{self._address}: closed")
        if not self._connected.cancelled():
            self._connected.exception()  # whoever connects has its own error by now

    def _shut(self) -> None:
        """Close the socket as it is: to the broker this is a lost connection."""
        self._client.on_socket_close = None  # paho would say it once more when it is collected, whenever and in whatever thread
        if self._socket is not None:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
            self._socket.close()
            self._socket = None


def _tls_trouble(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; give ca_file who signed it, use the name that stands in"
            " it, and check this machine's clock"
        )
    reason = error.reason or str(error)
    return f"no TLS connection: {reason}; check that the broker speaks TLS on this port, and cert_file if it asks for one"


async def keep_connected(
    make: Callable[[], Connection],
    session: Callable[[Connection], Awaitable[None]],
    *,
    on_failure: Callable[[MqttError, float], None],
    chance: Callable[[], float] = random.random,
    first_s: float = FIRST_S,
    cap_s: float = CAP_S,
) -> None:
    """Run `session` on a live connection, and again on a new one whenever it fails with `MqttError`, until it returns.

    `on_failure(error, wait_s)` is told of each failure and how long the next try waits: exponential with jitter, and back
    to the start once a connection has held for `cap_s`.
    """
    loop = asyncio.get_running_loop()
    attempt = 0
    while True:
        since = loop.time()
        failure: MqttError | None = None
        try:
            async with make() as connection:
                await session(connection)
        except* MqttError as group:
            failure = first_of(group)
        if failure is None:
            return
        attempt = 1 if loop.time() - since > cap_s else attempt + 1
        wait_s = delay_s(attempt, chance, first_s=first_s, cap_s=cap_s)
        on_failure(failure, wait_s)
        await asyncio.sleep(wait_s)
