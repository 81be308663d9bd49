"""From what a scanner sent for the card's codes to its profile, and to what it mangles. Pure.

Of a wedge, every layout and way of typing is tried, and the one under which the card reads best is the scanner's. What was
learnt is played back through the reader's own code before it is believed.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal, get_args

import msgspec

from edge_agent.scanner.framing import Frame, Frames
from edge_agent.scanner.keyboard import Keyboard
from edge_agent.scanner.label import Labels, decoded, mended
from edge_agent.scanner_card import characters, identifying, separator
from edge_agent.scanner_card.finding import Finding, Verdict
from edge_agent.scanner_card.hearing import Heard, hear
from edge_agent.scanner_card.probes import PROBES, SHORT, Probe
from plumbline import profile
from plumbline.profile import Framing, Layout

#: Key events of one shot: (key code, value).
Strokes = Sequence[tuple[int, int]]

_ENCODINGS: Final = ("utf-8", "gb18030")
_MODES: Final = tuple(itertools.product(("windows", "bytes", "gbk"), (True, False)))


@dataclass(frozen=True, slots=True)
class Learnt:
    """What the card told."""

    framing: Framing
    keyboard: profile.Keyboard | None
    findings: tuple[Finding, ...]
    heard: frozenset[int]
    """Numbers of the codes that came."""
    strange: int
    """Scans that are none of this card's."""
    missing: tuple[Probe, ...] = field(default=())
    """Codes that are still needed."""

    @property
    def lost(self) -> tuple[Finding, ...]:
        """Why there can be no profile."""
        return tuple(finding for finding in self.findings if finding.verdict == "lost")

    @property
    def rank(self) -> tuple[int, ...]:
        """Of two ways to read the same shots the one with the lower rank is the scanner's."""
        counts = Counter(finding.verdict for finding in self.findings)
        return len(self.missing), counts["lost"], counts["mind"], len(self.framing.characters), counts["mended"]


def learn(shots: Sequence[bytes]) -> Learnt:
    """Learn from what a serial scanner sent between silences; a recording without its silences is one shot."""
    return _best(shots, None)


def learn_keys(shots: Sequence[Strokes]) -> Learnt:
    """Learn from the keys that a wedge scanner pressed between silences."""
    best: Learnt | None = None
    for layout in get_args(Layout):
        for alt_codes, dead_keys in _MODES:
            table = profile.Keyboard(layout=layout, dead_keys=dead_keys, alt_codes=alt_codes)
            learnt = _best([_typed(shot, table) for shot in shots], table)
            if best is None or learnt.rank < best.rank:
                best = learnt
    assert best is not None
    return best


def _typed(strokes: Strokes, table: profile.Keyboard) -> bytes:
    keyboard = Keyboard(table)
    return b"".join(keyboard.press(code, value)[0] for code, value in strokes) + keyboard.settle()


def _best(shots: Sequence[bytes], keyboard: profile.Keyboard | None) -> Learnt:
    return min((_learn(shots, encoding, keyboard) for encoding in _ENCODINGS), key=lambda learnt: learnt.rank)


def _learn(shots: Sequence[bytes], encoding: Literal["utf-8", "gb18030"], keyboard: profile.Keyboard | None) -> Learnt:
    heard, strange = hear([decoded(shot, encoding)[0] for shot in shots])
    if not heard:
        return Learnt(Framing(encoding=encoding), keyboard, (), frozenset(), len(strange), _needed(frozenset()))
    framing = Framing(encoding=encoding, suffix="")
    findings: list[Finding] = []

    def note(what: str, verdict: Verdict, text: str) -> None:
        findings.append(Finding(what, verdict, text))

    suffix, heads = _ends(heard)
    framing = msgspec.structs.replace(framing, suffix=suffix)
    note("suffix", "ok" if suffix else "mind", f"sends {suffix!r} behind every code" if suffix else
         "sends nothing behind a code, so a silence must end it; set it to send CR or Enter")  # fmt: skip
    exchange = characters.exchanged(heard)
    framing = msgspec.structs.replace(framing, swapped_case=exchange.swapped_case, characters=exchange.characters)
    findings += exchange.findings
    told = identifying.told({probe.number: [mended(head, framing) for head in of] for probe, of in heads.items()})
    if told is None:
        note(
            "identifier",
            "lost",
            "what it sends in front of codes differs, yet does not name every symbology: labels that begin like it cannot be told "
            "apart; set it to send AIM identifiers, or none",
        )
    else:
        received = next(iter(heads.values()))[0][: len(told.prefix)]
        framing = msgspec.structs.replace(
            framing, prefix=received, symbology_identifier=told.aim, code_id=told.maker, code_ids=told.own
        )
        note("identifier", "ok" if told.aim else "mind", told.text)
    parting = separator.parting(framing, heard, mended)
    framing = msgspec.structs.replace(framing, group_separator=parting.separator)
    findings += parting.findings
    numbers = frozenset(one.probe.number for one in heard)
    learnt = Learnt(framing, keyboard, tuple(findings), numbers, len(strange), _needed(numbers))
    return _played_back(learnt, shots)


def _needed(heard: frozenset[int]) -> tuple[Probe, ...]:
    return tuple(probe for probe in PROBES.values() if probe.needed and probe.number not in heard)


def _ends(heard: Sequence[Heard]) -> tuple[str, dict[Probe, list[str]]]:
    """The suffix, and what came in front of each code without the suffix of the one before."""
    tails = Counter(one.tail for one in heard if one.tail is not None and one.whole)
    suffix = tails.most_common(1)[0][0] if tails else ""
    heads: dict[Probe, list[str]] = {}
    behind = False
    for one in heard:
        if one.probe.number != SHORT:
            heads.setdefault(one.probe, []).append(one.head.removeprefix(suffix) if behind else one.head)
        behind = one.tail is None
    return suffix or "", heads


def _played_back(learnt: Learnt, shots: Sequence[bytes]) -> Learnt:
    """Read the shots by the learnt profile with the reader's own code: what does not come out as printed is not learnt."""
    texts = Counter(_texts(learnt.framing, shots))
    findings = list(learnt.findings)
    heard = set(learnt.heard)
    for probe in PROBES.values():
        right = any(texts[text] for text in _right(probe))
        if right:
            heard.add(probe.number)
        if probe.number not in heard:
            continue
        if right:
            if probe.purpose not in {"gs1", "symbols", "letters"}:
                findings.append(Finding(_name(probe), "ok", "comes out as printed"))
        elif not (probe.gs1 and learnt.framing.group_separator in {None, ""}):
            findings.append(Finding(_name(probe), "lost" if probe.needed else "mind", _WRONG[probe.purpose]))
    return replace(learnt, findings=tuple(findings), heard=frozenset(heard))


def _texts(framing: Framing, shots: Sequence[bytes]) -> Iterator[str]:
    for shot in shots:
        frames = Frames(framing)
        for item in (*frames.feed(shot), *frames.silence()):
            if isinstance(item, Frame):
                label, _ = Labels(framing).read(item.content)
                yield label.keywords["text"]


def _right(probe: Probe) -> tuple[str, ...]:
    """The texts that say what is printed; a UPC-A also counts as the EAN-13 that it is."""
    if probe.format == "UPCA":
        return probe.text, f"0{probe.text}"
    return (probe.text, f"\x1d{probe.text}") if probe.gs1 else (probe.text,)


def _name(probe: Probe) -> str:
    return f"{probe.number} {probe.en}"


_WRONG: Final = {
    "plain": "does not come out as printed: codes cannot be told apart; set the scanner to its defaults and scan again",
    "symbols": "signs are lost or exchanged: codes that differ in them cannot be told apart",
    "letters": "letters are lost or exchanged: codes that differ in them cannot be told apart",
    "gs1": "GS1 data does not come out as printed; set the scanner to send FNC1 as GS (ASCII 29) and AIs without brackets",
    "control": "control characters are lost; ISO 15434 labels (ANSI MH10) cannot be read with this scanner",
    "chinese": "Chinese text is lost; set the scanner to UTF-8, or let labels hold ASCII alone",
    "long": "long codes are cut off or broken: such codes cannot be told apart; raise the scanner's limit, or its speed",
    "retail": "the check digit or a leading digit is missing; set the scanner to transmit both",
    "short": "short codes are not read as printed; lower the scanner's minimum length",
}


def recognised(shot: bytes | Strokes) -> frozenset[int]:
    """The numbers of the card's codes in one shot, before anything is known of the scanner."""
    if isinstance(shot, bytes):
        texts = [decoded(shot, "utf-8")[0]]
    else:
        texts = [_typed(shot, profile.Keyboard(layout=layout)).decode("utf-8", "replace") for layout in get_args(Layout)]
    return frozenset(one.probe.number for text in texts for one in hear([text])[0])
