"""The camera reader's worker with a decoder that some labels are too much for: what the text of a label names happens."""

import os
import signal
import sys
import time

from edge_agent.readers.camera.worker import pictures, watch
from edge_agent.readers.camera.worker.__main__ import main

really_decode = pictures.decode


def decode(image, *, budget_ms):
    symbols = really_decode(image, budget_ms=budget_ms)
    for symbol in symbols:
        match symbol.text:
            case "CRASH":
                os.kill(os.getpid(), signal.SIGSEGV)
            case "HANG":
                while True:
                    pass
            case "GREED":
                bytes(1 << 40)
            case "MISTAKE":
                raise ZeroDivisionError("division by zero")
            case "WORK":
                end_s = time.process_time() + 0.6
                while time.process_time() < end_s:
                    pass
            case "CHATTER":
                os.write(1, b"INFO: a library thinks aloud\n" * 1000)
                print("and so does Python")  # noqa: T201 - what must not get between the messages
            case _:
                time.sleep(float(os.environ.get("SLOW_S", "0")))
    return symbols


pictures.decode = watch.decode = decode

if __name__ == "__main__":
    sys.argv[1:] = sys.argv[-2:]
    main()
