"""Notice a device that says nothing. Pure: times come from the caller."""


class Silence:
    """Tells once that a line has been silent for `after_s`, until something is heard again."""

    def __init__(self, after_s: float, now_s: float) -> None:
        self.after_s = after_s
        self.told = False
        self._heard_s = now_s

    def heard(self, now_s: float) -> None:
        """The device said something that could be read."""
        self._heard_s, self.told = now_s, False

    def due(self, now_s: float) -> bool:
        """Whether the silence is long enough to be told now."""
        if self.told or now_s - self._heard_s < self.after_s:
            return False
        self.told = True
        return True
