"""Codecs: from a device's bytes to a document in which the paths of its metrics are looked up.

    Message ── Codec.decode ──► Decoded (documents), or CodecError

`contract` says what a codec is; `cayenne`, `fields`, `javascript` and `decoded` are the kinds of them.
"""

from plumbline.dialects.lorawan.codec.cayenne import Cayenne
from plumbline.dialects.lorawan.codec.contract import Codec, CodecError, Decoded
from plumbline.dialects.lorawan.codec.decoded import ByServer
from plumbline.dialects.lorawan.codec.engine import Engine, available
from plumbline.dialects.lorawan.codec.fields import DeclaredFields
from plumbline.dialects.lorawan.codec.javascript import JavaScript
from plumbline.errors import SettingsError
from plumbline.profile.lorawan import LorawanCodec

__all__ = ["Codec", "CodecError", "Decoded", "Engine", "make"]


def make(declared: LorawanCodec, engine: Engine) -> Codec:
    """The codec that a profile declares. Raises `SettingsError` where it cannot be had here."""
    match declared.codec:
        case "decoded" | "normalized":
            return ByServer(declared.codec)
        case "cayenne":
            return Cayenne()
        case "fields":
            return DeclaredFields(declared.frames)
        case "javascript":
            if declared.source is None:
                raise SettingsError(
                    f"lorawan.script: there is no '{declared.script}' beside the profile; put the maker's codec there"
                )
            if not available():
                raise SettingsError(
                    "lorawan.codec: 'javascript' needs QuickJS; install the extra 'lorawan' (plumbline-site[lorawan])"
                )
            return JavaScript(declared.source, declared.variables, engine)
