"""Signatures as Standard Webhooks describes them: HMAC-SHA256 over id, timestamp and body, each message with its own id."""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from typing import Final

_PREFIX: Final = "whsec_"


def new_secret() -> str:
    """A secret of 256 bits, as receivers' libraries take it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(message: str, at_s: int, body: bytes, keys: Sequence[str]) -> dict[str, str]:
    """The headers of a message; with several secrets (one is being replaced) the signatures stand beside each other."""
    return {
        "webhook-id": message,
        "webhook-timestamp": str(at_s),
        "webhook-signature": " ".join(sign(message, at_s, body, key) for key in keys),
    }


def sign(message: str, at_s: int, body: bytes, secret: str) -> str:
    """`v1,` and the signature."""
    signed = f"{message}.{at_s}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(_bytes(secret), signed, hashlib.sha256)).decode()


def _bytes(secret: str) -> bytes:
    """The key that a secret stands for. Raises `ValueError` where it is none."""
    try:
        return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError("a webhook's secret is not whsec_ and base64") from None
