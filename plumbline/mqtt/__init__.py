"""One MQTT connection, as small as we need it: connect, subscribe, publish until acknowledged, receive and acknowledge.

A message counts as received when the application says so, not when it arrives, and memory is bounded: with MQTT 5 the
broker holds back by receive maximum, otherwise the socket is not read.

    connection    the face, and who speaks the protocol to which address
    reconnect     a session on a connection, and again on the next
    message, tls  what goes over it, and how it is kept private
    inbox         what arrived and nobody took yet
    link          what speaks the protocol behind the face
    native        we do, over TCP and TLS: wire (what we say), decoder and properties (what we hear), outgoing, reasons
    through_paho  paho-mqtt does, over WebSockets
"""

from plumbline.mqtt.connection import Connection
from plumbline.mqtt.link import Version
from plumbline.mqtt.message import Message, Will
from plumbline.mqtt.reconnect import keep_connected
from plumbline.mqtt.tls import Tls

__all__ = ["Connection", "Message", "Tls", "Version", "Will", "keep_connected"]
