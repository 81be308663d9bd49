"""Reason codes as words (OASIS MQTT 5.0, 2.4), and what to do about some of them."""

from typing import Final

_WORDS: Final = {
    0x00: "Success",
    0x04: "Disconnect with will message",
    0x80: "Unspecified error",
    0x81: "Malformed packet",
    0x82: "Protocol error",
    0x83: "Implementation specific error",
    0x84: "Unsupported protocol version",
    0x85: "Client identifier not valid",
    0x86: "Bad user name or password",
    0x87: "Not authorized",
    0x88: "Server unavailable",
    0x89: "Server busy",
    0x8A: "Banned",
    0x8B: "Server shutting down",
    0x8C: "Bad authentication method",
    0x8D: "Keep alive timeout",
    0x8E: "Session taken over",
    0x8F: "Topic filter invalid",
    0x90: "Topic name invalid",
    0x91: "Packet identifier in use",
    0x92: "Packet identifier not found",
    0x93: "Receive maximum exceeded",
    0x94: "Topic alias invalid",
    0x95: "Packet too large",
    0x96: "Message rate too high",
    0x97: "Quota exceeded",
    0x98: "Administrative action",
    0x99: "Payload format invalid",
    0x9A: "Retain not supported",
    0x9B: "QoS not supported",
    0x9C: "Use another server",
    0x9D: "Server moved",
    0x9E: "Shared subscriptions not supported",
    0x9F: "Connection rate exceeded",
    0xA0: "Maximum connect time",
    0xA1: "Subscription identifiers not supported",
    0xA2: "Wildcard subscriptions not supported",
}

#: The return codes of a CONNACK before MQTT 5 (OASIS MQTT 3.1.1, table 3.1) as those of MQTT 5.
_BEFORE_5: Final = {1: 0x84, 2: 0x85, 3: 0x88, 4: 0x86, 5: 0x87}

_CONNECT_ADVICE: Final = {
    0x84: "set version to 3.1.1 for a broker that speaks nothing newer",
    0x86: "check user, password and the broker's access rules",
    0x87: "check user, password and the broker's access rules",
}
_DISCONNECT_ADVICE: Final = {
    0x8E: "; another client connected with the same client id",
    0x95: "; send smaller messages, or raise what the broker takes",
    0x97: "; check the broker's quotas",
}


def failed(code: int) -> bool:
    """Whether a code tells of a failure."""
    return code >= 0x80


def word(code: int, said: str = "") -> str:
    """The code in words, and what the broker added."""
    name = _WORDS.get(code, f"reason code 0x{code:02X}")
    return f"{name} ({said})" if said else name


def of_connack(code: int, *, five: bool) -> int:
    """The code of a CONNACK as one of MQTT 5."""
    return code if five or code == 0 else _BEFORE_5.get(code, 0x80)


def connect_advice(code: int) -> str:
    """What to do when the broker refuses a connection."""
    return _CONNECT_ADVICE.get(code, "check the broker's log")


def disconnect_advice(code: int) -> str:
    """What to do when the broker ends a connection; empty where nothing is to be said."""
    return _DISCONNECT_ADVICE.get(code, "")
