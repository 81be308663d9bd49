"""The versions of a gateway's file on its disk, and the trial of a new one.

Order of a change: old and new text kept → trial noted → file replaced → restart. Order of an undoing: undoing noted → file
replaced → trial ended. Each arrow is a file forced to disk, so a start finds one of these states and goes on from it.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import structlog
from msgspec import Struct, structs

from edge_agent import durable
from plumbline.fleet import DesiredConfig, Outcome, digest

_log = structlog.get_logger(__name__)

#: Starts that a new version may take to become healthy; the next one begins with the old version again.
MOST_STARTS: Final = 3
#: Decisions remembered, and texts of them kept.
_HISTORY: Final = 30
_TEXTS: Final = 10
LOCAL: Final = "edited on the gateway"


class Trial(Struct, frozen=True, kw_only=True):
    """A version that is in force until it proves healthy or not."""

    version: int
    by: str
    digest: str
    probation_s: float
    well: tuple[str, ...] = ()
    """Readers that were well before it."""
    starts: int = 0
    undo: str | None = None
    """Why it is being taken back."""


class Decision(Struct, frozen=True, kw_only=True):
    """What became of a version."""

    version: int
    outcome: Outcome
    at: int
    by: str = ""
    reason: str = ""
    digest: str | None = None
    """Of its text, where that is kept."""


class Record(Struct, frozen=True, kw_only=True):
    """`record.json`: what must not be forgotten."""

    version: int = 0
    """In force; while there is a trial, what is gone back to."""
    digest: str = ""
    by: str = ""
    seen: int = 0
    """The newest version that a decision was made on."""
    local: bool = False
    """Version `seen` was made by hand, on the gateway."""
    state: Outcome = "applied"
    at: int = 0
    reason: str = ""
    mistakes: tuple[str, ...] = ()
    trial: Trial | None = None
    history: tuple[Decision, ...] = ()


class Versions:
    """The gateway file `path` and the folder beside it. Methods raise `OSError` where the disk does not let them.

    Args:
        path: the gateway's TOML file.
        now_ns: UTC, ns.
    """

    def __init__(self, path: Path, *, now_ns: Callable[[], int] = time.time_ns) -> None:
        self.path = path.absolute()
        self.folder = self.path.with_name(self.path.name + ".remote")
        self._now_ns = now_ns
        self.record = self._read()

    def current(self) -> str:
        """The file's text."""
        return self.path.read_text(encoding="utf-8")

    def begin(self) -> None:
        """What a start does before it reads the file: finish what was interrupted, count a trial, note a hand's change."""
        for dots in (".", ".."):  # of a write or a check that was killed; it holds passwords
            for left in self.path.parent.glob(f"{dots}{self.path.name}.*"):
                left.unlink(missing_ok=True)
        record, trial = self.record, self.record.trial
        if not self.folder.is_dir():
            return
        found = digest(self.current())
        if trial is None:
            if found != record.digest and record.digest:
                self._note_local(found)
        elif trial.undo is not None:
            self.undo(trial.undo)
        elif found == record.digest:
            _log.warning("config.interrupted", version=trial.version, check="nothing: it is applied again when it comes")
            self._save(structs.replace(record, trial=None))
        elif found != trial.digest:
            self._decide(trial.version, "rolled_back", by=trial.by, reason=f"{LOCAL} during its probation")
            self._note_local(found)
        elif trial.starts >= MOST_STARTS:
            self.undo(f"the agent ended {trial.starts} times before it had proved healthy")
        else:
            self._save(structs.replace(record, trial=structs.replace(trial, starts=trial.starts + 1)))

    def place(self, text: str, desired: DesiredConfig, *, well: tuple[str, ...], probation_s: float) -> None:
        """Put a checked text in force, on trial."""
        old = self.current()
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._keep(old)
        self._keep(text)
        record = self.record
        if all(one.digest != digest(old) for one in record.history):  # what stands here was installed, not sent
            now = Decision(version=record.version, outcome="applied", at=self._now_ns(), by="installed", digest=digest(old))
            record = structs.replace(record, history=(*record.history, now))
        trial = Trial(version=desired.version, by=desired.by, digest=digest(text), probation_s=probation_s, well=well)
        self._save(structs.replace(record, digest=digest(old), trial=trial))
        try:
            durable.write(self.path, text.encode(), like=self.path)
        except OSError:
            self._save(structs.replace(self.record, trial=None))
            raise

    def accept(self) -> None:
        """The trial proved healthy."""
        trial = self.record.trial
        assert trial is not None
        self._decide(trial.version, "applied", by=trial.by, kept=trial.digest, in_force=True)
        self._forget_texts()

    def undo(self, reason: str) -> None:
        """Take the trial back: the file is the one before from now on."""
        trial = self.record.trial
        assert trial is not None
        if trial.undo is None:
            self._save(structs.replace(self.record, trial=structs.replace(trial, undo=reason)))
        durable.write(self.path, self._text(self.record.digest).encode(), like=self.path)
        self._decide(trial.version, "rolled_back", by=trial.by, reason=reason, kept=trial.digest)
        _log.error("config.rolled_back", version=trial.version, to=self.record.version, reason=reason)

    def refuse(self, desired: DesiredConfig, reason: str, mistakes: tuple[str, ...] = ()) -> None:
        """Note that a version was not taken."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        if not self.record.digest:
            self._save(structs.replace(self.record, digest=digest(self.current())))
        self._decide(desired.version, "refused", by=desired.by, reason=reason, mistakes=mistakes)

    def same(self, desired: DesiredConfig) -> None:
        """Note a version whose text is in force already."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        text = self.current()
        self._keep(text)
        self._decide(desired.version, "applied", by=desired.by, kept=digest(text), in_force=True)

    def stopped(self) -> None:
        """A stop that was asked for: it is no sign against a trial."""
        trial = self.record.trial
        if trial is not None and trial.starts:
            self._save(structs.replace(self.record, trial=structs.replace(trial, starts=trial.starts - 1)))

    def kept(self, version: int) -> str | None:
        """The text of an earlier version; `None` where it is not kept."""
        for one in reversed(self.record.history):
            if one.version == version and one.digest is not None:
                try:
                    return self._text(one.digest)
                except FileNotFoundError:
                    return None
        return None

    def is_kept(self, decision: Decision) -> bool:
        """Whether one can go back to it."""
        return decision.digest is not None and self._place(decision.digest).is_file()

    def _decide(
        self,
        version: int,
        outcome: Outcome,
        *,
        by: str,
        reason: str = "",
        mistakes: tuple[str, ...] = (),
        kept: str | None = None,
        in_force: bool = False,
        local: bool = False,
    ) -> None:
        at, record = self._now_ns(), self.record
        decision = Decision(version=version, outcome=outcome, at=at, by=by, reason=reason[:2000], digest=kept)
        record = structs.replace(
            record,
            seen=version,
            local=local,
            state=outcome,
            at=at,
            reason=reason[:2000],
            mistakes=mistakes,
            trial=None,
            history=(*record.history, decision)[-_HISTORY:],
        )
        if in_force:
            record = structs.replace(record, version=version, digest=kept or record.digest, by=by)
        self._save(record)

    def _note_local(self, found: str) -> None:
        """Somebody changed the file by hand: that is a version too, and newer than what was given before."""
        self._keep(self.current())
        self._decide(self.record.seen + 1, "applied", by=LOCAL, kept=found, in_force=True, local=True)
        _log.warning("config.local", version=self.record.version, file=str(self.path))

    def _place(self, key: str) -> Path:
        return self.folder / f"{key[:32]}.toml"

    def _text(self, key: str) -> str:
        return self._place(key).read_text(encoding="utf-8")

    def _keep(self, text: str) -> None:
        place = self._place(digest(text))
        if not place.is_file() or digest(place.read_text(encoding="utf-8", errors="replace")) != digest(text):
            durable.write(place, text.encode())

    def _forget_texts(self) -> None:
        """Keep the texts of the newest versions alone."""
        recent = [one.digest for one in reversed(self.record.history) if one.digest is not None]
        stays = {self._place(key) for key in [self.record.digest, *list(dict.fromkeys(recent))[:_TEXTS]]}
        for place in self.folder.glob("*.toml"):
            if place not in stays:
                place.unlink(missing_ok=True)

    def _read(self) -> Record:
        try:
            return msgspec.json.decode((self.folder / "record.json").read_bytes(), type=Record)
        except (FileNotFoundError, NotADirectoryError):
            return Record()
        except (OSError, msgspec.DecodeError) as error:
            _log.error(
                "config.record",
                file=str(self.folder / "record.json"),
                error=str(error),
                check="the disk; which versions the server has sent is forgotten, the configuration itself stands",
            )
            return Record()

    def _save(self, record: Record) -> None:
        durable.write(self.folder / "record.json", msgspec.json.encode(record))
        self.record = record
