"""`python -m edge_agent.readers.camera.worker PARENT MEMORY_MB`: serve the agent on standard input and output."""

import sys

from edge_agent.readers.camera.worker import confine
from edge_agent.readers.camera.worker.channel import Channel


def main() -> None:
    """Confine this process, load the libraries, then do what the agent asks until it hangs up."""
    parent, memory_mb = int(sys.argv[1]), int(sys.argv[2])
    confine.die_with(parent)
    confine.stand_back()
    channel = Channel()

    from edge_agent.readers.camera.worker import serve  # noqa: PLC0415 - heavy; a dead agent must be noticed meanwhile

    confine.limit_memory(memory_mb)
    serve.serve(channel)


if __name__ == "__main__":
    main()
