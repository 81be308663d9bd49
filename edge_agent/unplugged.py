"""What the supervisor knows of a device that was pulled out: it need not wait for the next try when it is plugged in again."""

from pathlib import Path

from edge_agent.reader import ReaderError


class UnpluggedError(ReaderError):
    """A device failed whose file in `/dev` (`device_file`) goes and comes with its plug."""

    def __init__(self, device: str, what: str, check: str, device_file: str) -> None:
        super().__init__(device, what, check)
        self.device_file = Path(device_file)

    def is_there(self) -> bool:
        """Whether the device file exists; a path that cannot be looked at does not."""
        try:
            return self.device_file.exists()
        except (OSError, ValueError):
            return False
