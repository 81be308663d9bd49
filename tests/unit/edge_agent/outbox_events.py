"""Events for tests of the outbox; their numbers are given there."""

from plumbline.event import ClockReading, Reading, Scan
from plumbline.ids import new_event_id


def event(n, event_class="business"):
    fields = {
        "id": new_event_id(),
        "site": "s",
        "gateway": "g",
        "device": "d",
        "at": n,
        "clock": ClockReading(quality="free", boot="b", mono=n),
        "epoch": "-",
        "seq": 1,
    }
    if event_class == "business":
        return Scan(**fields, raw=b"%d" % n, text=str(n))
    return Reading(**fields, measurement="environment", values={"pm25": float(n)})
