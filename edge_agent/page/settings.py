"""What the configuration says of the page."""

from ipaddress import ip_address

from msgspec import Struct

from plumbline.event import Name


class PageSettings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page that shows the answer to each scan, on the gateway itself."""

    listen: str = "0.0.0.0:8090"
    """Address and port; `127.0.0.1:8090` for this machine alone, `""` for no page. Whoever reaches it sees the scans."""
    typing: bool = True
    """Whether a code can be typed there when its label cannot be read."""
    device: Name = "page"
    """The device that typed codes come from."""

    def __post_init__(self) -> None:
        """Refuse an address that nobody can listen on."""
        if self.listen:
            host, _, port = self.listen.rpartition(":")
            try:
                ip_address(host.removeprefix("[").removesuffix("]"))
            except ValueError:
                host = ""
            if not host or not port.isascii() or not port.isdigit() or not 0 <= int(port) < 65536:
                raise ValueError(f"{self.listen!r} is no address and port; write for example '0.0.0.0:8090', or '' for no page")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; 0 takes a free one."""
        host, _, port = self.listen.rpartition(":")
        return host.removeprefix("[").removesuffix("]"), int(port)
