"""Whom to trust, who we are, and what to mend where a TLS connection fails."""

import ssl
from dataclasses import dataclass

from plumbline.errors import MqttError


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


def trouble(error: ssl.SSLError) -> str:
    """What failed, and what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted: {error.verify_message}; give ca_file who signed it, use the name that stands in"
            " it, and check this machine's clock"
        )
    reason = error.reason or str(error)
    return f"no TLS connection: {reason}; check that the broker speaks TLS on this port, and cert_file if it asks for one"
