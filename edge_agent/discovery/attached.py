"""What is plugged in and known by its name: scanners that type like a keyboard, and cameras."""

import re
from pathlib import Path

from edge_agent.discovery.ports import SCANNERS
from edge_agent.discovery.seen import Seen, name_from


def keyboards(dev: Path) -> list[Seen]:
    """Everything that types, by its lasting name; only what a scanner's maker has named is proposed."""
    found: list[Seen] = []
    for link in sorted((dev / "input" / "by-id").glob("*-event-kbd")):
        product = re.sub(r"^usb-|-event-kbd$|-if\d+", "", link.name)
        if SCANNERS.search(product):
            reader = {"type": "wedge_scanner", "name": name_from(product, "scanner"), "device": str(link)}
            todo = "teach it: plumbline scanner card, plumbline scanner learn"
            found.append(Seen(str(link), f"barcode scanner {product}, which types like a keyboard", "likely", reader, todo))
        else:
            todo = "if this is a scanner, give it a reader of type wedge_scanner"
            found.append(Seen(str(link), f"keyboard {product}", "unknown", todo=todo))
    return found


def cameras(dev: Path, sys: Path) -> list[Seen]:
    """Cameras at this machine: each once, by its lasting name where it has one."""
    found: list[Seen] = []
    lasting = {link.resolve().name: link for link in sorted((dev / "v4l" / "by-id").glob("*-video-index0"))}
    for path in sorted((sys / "class" / "video4linux").glob("video*")):
        index = path / "index"
        if index.exists() and index.read_text().strip() != "0":
            continue  # the second node of a camera carries its metadata, no picture
        title = (path / "name").read_text().strip() if (path / "name").exists() else path.name
        where = str(lasting.get(path.name, dev / path.name))
        reader = {"type": "camera", "name": name_from(title, "camera"), "device": where}
        found.append(
            Seen(where, f"camera {title}", "likely", reader, "point it at the labels; it needs requirements/camera.txt")
        )
    return found
