"""Devices that the site file does not name come in or are set aside, as it says; a gateway's own health always comes in."""

import msgspec
import pytest

from ingest.receiving.parcel import open_parcel
from ingest.receiving.strangers import stranger, strangers
from tests.batches import NOON, SITE, batch, check_in, health, reading, scan

STRICT = msgspec.structs.replace(SITE, unknown_devices="set_aside")
OPEN = msgspec.structs.replace(SITE, unknown_devices="take")


def opened(message, site):
    return open_parcel(*message, sites={"yard": site}, received_at=NOON, ack=lambda: None)


@pytest.mark.parametrize("site", [SITE, OPEN])
def test_by_default_what_a_gateway_sends_is_taken(site):
    assert len(opened(batch([scan(1), check_in(2)]), site).events) == 2


def test_set_aside_they_keep_their_number_and_say_what_to_add_where():
    parcel = opened(batch([scan(1), check_in(2), scan(3)]), STRICT)
    assert [event.seq for event in parcel.events] == [1, 3]
    ((seq, reason, detail),) = [(letter.seq, letter.reason, letter.detail) for letter in parcel.refused]
    assert (seq, reason) == (2, "unknown_device")
    assert "the site file of 'yard' names no device 'badge'" in detail
    assert 'add it there ([[devices]] with id = "badge"' in detail
    assert "deadletters replay --reason unknown_device" in detail
    assert "did you mean" not in detail


def test_a_slip_is_told_from_a_new_device():
    _, detail = stranger(msgspec.structs.replace(scan(1), device="Scaner"), STRICT)
    assert "did you mean 'scanner'?" in detail


def test_the_gateways_own_health_is_no_stranger():
    parcel = opened(batch([reading(1), health(2)]), STRICT)
    assert len(parcel.events) == 2


def test_devices_without_a_gateway_are_set_aside_unless_the_file_says_take():
    assert strangers(SITE, ["badge", "crane"], direct=True) == {"badge"}
    assert strangers(OPEN, ["badge", "crane"], direct=True) == set()
    assert strangers(SITE, ["badge", "crane"]) == set()
