"""The protocol spoken by paho-mqtt.

The event loop tells paho when its socket can be read or written. There is no thread: one that hands over each message
fights for the interpreter with the loop, which cost half of the throughput and 50 ms of latency.
"""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final, Literal

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from plumbline.errors import MqttError, MqttRefusedError
from plumbline.mqtt import wire
from plumbline.mqtt.inbox import Inbox
from plumbline.mqtt.link import Options
from plumbline.mqtt.message import Message
from plumbline.mqtt.tls import trouble
from plumbline.mqtt.wire import MalformedError
from plumbline.patience import Patience

_GOODBYE_S: Final = 1.0
_NO_FILTER: Final = "plumbline/ping"


class PahoLink:
    """See `Link`."""

    def __init__(self, options: Options) -> None:
        address, will = options.address, options.will
        self._address = address
        self._tls = options.tls
        self._five = options.version == "5"
        self._expiry_s = options.session_expiry_s
        self._inbound = options.inbound
        self._keepalive_s = options.keepalive_s
        self._timeout_s = options.connect_timeout_s
        self.inbox = Inbox(self._pause_or_resume)
        self.lost: str | None = None
        self._held = 0
        # Mosquitto 2.0 sends some messages more than the receive maximum once the first are acknowledged
        self._room = self._inbound * 4 if self._five else self._inbound
        self._paused = False
        self._asking = 0
        self._socket: socket.socket | None = None
        self._upkeep: asyncio.Task[None] | None = None
        self._pending: dict[int, asyncio.Future[None]] = {}
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            options.client_id,
            clean_session=None if self._five else self._expiry_s == 0,
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
        client.connect_timeout = self._timeout_s
        client.max_inflight_messages_set(1000)  # who publishes bounds its own window
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        client.on_subscribe = self._on_subscribe
        client.on_unsubscribe = self._on_unsubscribe
        client.on_socket_open = self._on_socket_open
        client.on_socket_close = self._on_socket_close
        client.on_socket_register_write = self._on_write_wanted
        client.on_socket_unregister_write = self._on_write_done
        self._client = client

    async def open(self) -> bool:
        """Connect."""
        self._loop = asyncio.get_running_loop()
        self._connected: asyncio.Future[bool] = self._loop.create_future()
        properties = None
        if self._five:
            properties = Properties(PacketTypes.CONNECT)
            properties.SessionExpiryInterval = self._expiry_s
            properties.ReceiveMaximum = self._inbound
        self._thread = threading.get_ident()
        connecting = self._loop.run_in_executor(None, self._open, properties)
        try:
            async with Patience(self._timeout_s):
                await connecting
                self._upkeep = asyncio.create_task(self._keep_up(), name="mqtt-upkeep")
                return await self._connected
        except TimeoutError:
            await self._stop(connecting)
            raise MqttError(f"{self._address}: no answer in {self._timeout_s:g} s; check host, port and firewall") from None
        except ssl.SSLError as error:
            await self._stop(connecting)
            raise MqttError(f"{self._address}: {trouble(error)}") from None
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

    async def close(self, *, forget: bool = False) -> None:
        """Say goodbye and close the socket."""
        if self.lost is None:
            properties = None
            if self._five and forget:
                properties = Properties(PacketTypes.DISCONNECT)
                properties.SessionExpiryInterval = 0
            self._client.disconnect(properties=properties)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_GOODBYE_S):
                    while self._client.want_write() and self._socket is not None:
                        self._client.loop_write()
                        await asyncio.sleep(0)
        await self._stop()

    def publish_soon(self, topic: str, payload: bytes, qos: Literal[0, 1], retain: bool) -> asyncio.Future[None]:  # noqa: D102
        done = self._loop.create_future()
        if self.lost is not None:
            done.set_exception(MqttError(self.lost))
            return done
        try:
            wire.topic_name(topic)
        except MalformedError as error:
            done.set_exception(MqttRefusedError(f"{self._address}: could not publish to {topic[:200]!r}: {error}"))
            return done
        info = self._client.publish(topic, payload, qos=qos, retain=retain)
        if info.rc not in {MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN}:
            done.set_exception(MqttError(f"{self._address}: could not publish to {topic}: {paho.error_string(info.rc)}"))
        else:
            self._pending[info.mid] = done
        return done

    async def subscribe(self, topic_filter: str, qos: Literal[0, 1]) -> None:  # noqa: D102
        try:
            wire.topic_filter(topic_filter)
        except MalformedError as error:
            raise MqttRefusedError(f"{self._address}: could not subscribe to {topic_filter[:200]!r}: {error}") from None
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
            async with Patience(self._timeout_s):
                await done
        except TimeoutError:
            raise MqttError(f"{self._address}: no answer to the subscription of {topic_filter}") from None
        finally:
            self._asking -= 1
            self._pause_or_resume()

    def ping(self) -> asyncio.Future[None]:  # noqa: D102
        done = self._loop.create_future()
        # paho tells nobody of an answer to a ping; the end of a subscription that never was is answered just so
        mid = None if self.lost is not None else self._client.unsubscribe(_NO_FILTER)[1]
        if mid is None:
            done.set_exception(MqttError(self.lost or f"{self._address}: connection lost"))
            done.exception()
        else:
            self._pending[mid] = done
        return done

    def acknowledge(self, messages: Sequence[Message]) -> None:  # noqa: D102
        for message in messages:
            if message.receiver is not self:
                continue
            message.receiver = None
            self._held -= 1
            if message.qos and self.lost is None:
                self._client.ack(message.packet_id, message.qos)
        self._pause_or_resume()

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
            self._held >= self._room or self.inbox.full
        ) and not self._asking  # then the broker's own window is the bound: nothing is acknowledged
        if full == self._paused or self._socket is None:
            return
        self._paused = full
        if full:
            self._loop.remove_reader(self._socket)
        else:
            self._loop.add_reader(self._socket, self._read)
            self._loop.call_soon(self._read)

    def _on_connect(self, _c: paho.Client, _u: Any, flags: paho.ConnectFlags, code: ReasonCode, _p: Properties | None) -> None:
        if self._connected.done():
            return
        if code.is_failure:
            advice = (
                "check user, password and the broker's access rules" if code.value in {134, 135} else "check the broker's log"
            )
            self._connected.set_exception(MqttError(f"{self._address}: the broker refused us: {code}; {advice}"))
        else:
            self._connected.set_result(flags.session_present)

    def _on_disconnect(
        self, _c: paho.Client, _u: Any, _f: paho.DisconnectFlags, code: ReasonCode, _p: Properties | None
    ) -> None:
        asked = self._tls is not None and not self._connected.done()
        advice = "; check cert_file: the broker may want a certificate that it knows" if asked else ""
        self._in_loop(self._end, f"{self._address}: connection lost: {code}{advice}")

    def _end(self, why: str) -> None:
        """Let nobody wait any longer: publishers, subscribers, the reader of messages. The first reason stands."""
        if self.lost is None:
            self.lost = why
        if not self._connected.done():
            self._connected.set_exception(MqttError(self.lost))
        for done in self._pending.values():
            if not done.done():
                done.set_exception(MqttError(self.lost))
                done.exception()  # whoever waits sees it; who does not wait need not
        self._pending.clear()
        self.inbox.end(self.lost)

    def _on_message(self, _c: paho.Client, _u: Any, message: paho.MQTTMessage) -> None:
        self._held += 1
        self.inbox.waiting.append(
            Message(message.topic, bytes(message.payload), message.qos, message.retain, self, message.mid, message.dup)
        )
        self.inbox.told(len(message.payload) + len(message.topic))
        self._pause_or_resume()

    def _on_publish(self, _c: paho.Client, _u: Any, mid: int, code: ReasonCode, _p: Properties) -> None:
        advice = "check the broker's access rules for this user"
        self._settle(mid, f"{self._address}: the broker refused a message: {code}; {advice}" if code.is_failure else None)

    def _on_subscribe(self, _c: paho.Client, _u: Any, mid: int, codes: list[ReasonCode], _p: Properties) -> None:
        refused = next((str(code) for code in codes if code.is_failure), None)
        self._settle(mid, f"{self._address}: the broker refused a subscription: {refused}" if refused else None)

    def _on_unsubscribe(self, _c: paho.Client, _u: Any, mid: int, _codes: list[ReasonCode], _p: Properties | None) -> None:
        self._settle(mid, None)  # whatever it says of the subscription, it is an answer

    def _settle(self, mid: int, error: str | None) -> None:
        done = self._pending.pop(mid, None)
        if done is not None and not done.done():
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(MqttRefusedError(error))

    async def abort(self) -> None:
        """Close the socket as it is."""
        await self._stop()

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
