"""What `plumbline gs1` answers to one text, for programs and for people."""

from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Literal

from edge_agent.gs1 import Ambiguous, Candidate, ElementStrings, Expectation, Gs1Error, identifiers, is_proven, parse, repair
from edge_agent.gs1.elements import FNC1, unbracketed
from edge_agent.gs1.readings import Reading
from edge_agent.gs1.rules import check


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """How texts are read; the fields are the options of the command."""

    fnc1: str
    separators: Literal["auto", "kept", "lost", "unknown"]
    expected: Expectation | None
    requisites: bool
    permit_unknown_ais: bool
    permit_zero_suppressed_gtin: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one text says."""

    text: str
    elements: Reading | None = None
    """`None`: refused, or ambiguous."""
    plain_gtin: str | None = None
    error: str | None = None
    repaired: str | None = None
    """Why this is the reading, where separators were put back."""
    candidates: tuple[Candidate, ...] = ()
    """The readings of ambiguous text; where it was read or refused as it stands: what else a lossy scanner may have read."""
    ambiguous: bool = False
    hint: str | None = None

    def shown(self) -> str:
        """The answer for a person, with the titles of the AIs."""
        lines = [_printable(self.text)]
        if self.elements is not None:
            lines += _table(self.elements)
            if self.plain_gtin is not None:
                lines.append(f"  GTIN    {self.plain_gtin}")
            elif not self.elements:
                lines.append("  no GS1 data" + (f"; {self.hint}" if self.hint else ""))
        if self.repaired is not None:
            lines.append(f"  repaired: {_printable(self.repaired)}")
        if self.error is not None:
            lines.append(f"  {'ambiguous' if self.ambiguous else 'refused'}: {_printable(self.error)}")
        if self.candidates and not self.ambiguous:
            lines.append("  no separator (FNC1) was read; a scanner that loses them would read the same from this label:")
        for number, candidate in enumerate(self.candidates, 1):
            lines.append(f"  {number}. {candidate.reason}")
            lines += [f"   {line}" for line in _table(candidate.elements)]
        return "\n".join(lines)


def ask(text: str, question: Question) -> Answer:
    """Read one text."""
    says_what_it_is = text.startswith(("]", "(", question.fnc1 or FNC1, FNC1))
    try:
        if question.separators in {"lost", "unknown"}:
            return _mended(text, question)
        if question.separators == "auto" and not says_what_it_is:
            return _bare(text, question)
        answer = _as_it_stands(text, question)
    except Gs1Error as error:
        answer = Answer(text=text, error=str(error))
    return _with_others(answer, question) if question.separators == "auto" and says_what_it_is else answer


def _as_it_stands(text: str, question: Question) -> Answer:
    read = _parsed(text, question)
    return Answer(text=text, elements=read.elements, plain_gtin=read.plain_gtin)


def _parsed(text: str, question: Question) -> ElementStrings:
    return parse(
        text,
        fnc1=question.fnc1,
        requisites=question.requisites,
        permit_unknown_ais=question.permit_unknown_ais,
        permit_zero_suppressed_gtin=question.permit_zero_suppressed_gtin,
    )


def _with_others(answer: Answer, question: Question) -> Answer:
    """With what the label may say instead, where the text does not prove that separators are sent."""
    with suppress(Gs1Error):  # then there is nothing else that it may say
        found = repair(_with_gs(answer.text, question), expected=question.expected)
        if isinstance(found, Ambiguous):
            return replace(answer, candidates=tuple(each for each in found.candidates if each.elements != answer.elements))
        if found.restored and question.expected is not None:
            return Answer(text=answer.text, elements=found.elements, repaired=found.reason)
        if found.restored:
            return replace(answer, candidates=(Candidate(found.elements, found.reason),))
    return answer


def _bare(text: str, question: Question) -> Answer:
    """Text that does not say what it is: repaired where it proves to be GS1, read as it stands otherwise."""
    mended = Answer(text=text)
    with suppress(Gs1Error):  # reading it as it stands says why, or that it is no GS1
        mended = _mended(text, question)
    readings = [each.elements for each in mended.candidates] if mended.elements is None else [mended.elements]
    if (mended.repaired or mended.candidates) and any(is_proven(ai) for reading in readings for ai, _ in reading):
        return mended
    answer = _as_it_stands(text, question)
    if answer.elements or answer.plain_gtin:
        return answer
    with suppress(Gs1Error):
        elements = unbracketed(text)
        read = "".join(f"({ai}){value}" for ai, value in elements)
        return replace(answer, hint=f"put ^ in front to read it as {read}" if elements else None)
    return answer


def _mended(text: str, question: Question) -> Answer:
    found = repair(_with_gs(text, question), expected=question.expected)
    if isinstance(found, Ambiguous):
        more = "" if found.complete else "the most plausible of many "
        said = (
            f"{more}{len(found.candidates)} readings break no rule, since separators (FNC1) may be lost; most plausible first"
        )
        return Answer(text=text, error=said, candidates=found.candidates, ambiguous=True)
    if not found.restored:
        return _as_it_stands(text, question)
    check(list(found.elements), requisites=question.requisites)
    return Answer(text=text, elements=found.elements, repaired=found.reason)


def _with_gs(text: str, question: Question) -> str:
    """FNC1 by the character that the caller names for it, where it begins the text: then it is the separator, too."""
    return text.replace(question.fnc1, FNC1) if question.fnc1 and text.startswith(question.fnc1) else text


def _table(elements: Reading) -> list[str]:
    titles = identifiers()
    return [
        f"  ({ai}){' ' * (6 - len(ai))}{value:32}{titles[ai].title if ai in titles else ''}".rstrip() for ai, value in elements
    ]


def _printable(text: str) -> str:
    """Text for a terminal: GS by its name, what cannot be printed as an escape."""
    return "".join(each if each.isprintable() else "<GS>" if each == FNC1 else ascii(each)[1:-1] for each in text)
