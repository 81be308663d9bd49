"""What the worker does for its agent, one request after the other."""

import cv2

from edge_agent.readers.camera.messages import Ended, Look, Lost, Picture, Ready, Reply, Watch
from edge_agent.readers.camera.worker.channel import Channel
from edge_agent.readers.camera.worker.look import look
from edge_agent.readers.camera.worker.pictures import read_picture
from edge_agent.readers.camera.worker.source import SourceError
from edge_agent.readers.camera.worker.watch import watch


def serve(channel: Channel) -> None:
    """Answer until the agent hangs up, which ends the process."""
    cv2.setNumThreads(1)
    channel.send(Ready())
    while True:
        request = channel.receive()
        match request:
            case Picture():
                channel.send(read_picture(request))
            case Watch():
                channel.send(_watched(request, channel))
            case Look():
                channel.send(_looked(request))


def _watched(request: Watch, channel: Channel) -> Reply:
    try:
        watch(request, channel.send)
        return Ended()
    except SourceError as error:
        return Lost(error.what, error.check)


def _looked(request: Look) -> Reply:
    try:
        return look(request)
    except SourceError as error:
        return Lost(error.what, error.check)
