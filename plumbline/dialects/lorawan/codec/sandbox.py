"""The process in which scripts of others run: QuickJS, no files, no network, little memory, little time.

Run by path with `python -I`, so it imports nothing of ours. It speaks with `engine.py` through an inherited socket: four
bytes of length, then JSON. Where a script holds the processor in native code, which QuickJS's own limit does not reach,
the kernel ends the process (RLIMIT_CPU), also when nobody waits for it any more.
"""

import json
import resource
import socket
import sys
from typing import Any, Final

import quickjs as _quickjs  # pyright: ignore[reportMissingTypeStubs] # it has none

_JS: Final[Any] = _quickjs
_ScriptError: Final[type[Exception]] = _JS.JSException
#: CPU seconds that a script may take for one payload. The vendors' scripts take about a millisecond.
TIME_S: Final = 0.25
MEMORY: Final = 32 << 20
STACK: Final = 256 << 10
#: For the whole process: Python with QuickJS takes about 20 MB, and several scripts may be loaded.
DATA: Final = 512 << 20
MAX_ANSWER: Final = 256 << 10

# `JSON` is taken before the script can change it. Dates become texts, NaN and infinities null, what is too long a number.
_CALLER: Final = """
(function () {
  const {parse, stringify} = JSON;
  return function (text) {
    const call = parse(text);
    const input = {bytes: call.bytes, fPort: call.fPort, variables: call.variables,
                   recvTime: call.recvTime === null ? new Date() : new Date(call.recvTime)};
    const own = (name) => typeof module === "object" && module !== null && typeof module.exports === "object" &&
                          module.exports !== null && typeof module.exports[name] === "function" ? module.exports[name] : null;
    const ts013 = typeof decodeUplink === "function" ? decodeUplink : own("decodeUplink");
    const chirpstack = typeof Decode === "function" ? Decode : own("Decode");
    const ttn = typeof Decoder === "function" ? Decoder : own("Decoder");
    let result;
    if (ts013) result = {form: "decodeUplink", answer: ts013(input)};
    else if (chirpstack) result = {form: "Decode", answer: chirpstack(call.fPort, call.bytes, call.variables)};
    else if (ttn) result = {form: "Decoder", answer: ttn(call.bytes, call.fPort)};
    else result = {form: null};
    return stringify(result, (key, value) => typeof value === "bigint" ? Number(value) : value);
  };
})()
"""
_PRELUDE: Final = """
var module = {exports: {}}; var exports = module.exports;
var console = {log() {}, info() {}, debug() {}, warn() {}, error() {}};
"""


class Script:
    """One script in a context of its own, made when it is first called and again after it was cut off."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._run: Any = None
        self._context: Any = None

    def call(self, text: str) -> str:
        """Decode one payload. Raises `_ScriptError`."""
        try:
            if self._run is None:
                self._context = _JS.Context()
                self._context.set_memory_limit(MEMORY)
                self._context.set_max_stack_size(STACK)
                self._context.set_time_limit(TIME_S)
                run = self._context.eval(_CALLER)
                self._context.eval(_PRELUDE)
                self._context.eval(self._source)
                self._run = run
            answer: object = self._run(text)
        except _ScriptError:
            # What was cut off may have left anything behind.
            self._run = self._context = None
            raise
        return answer if isinstance(answer, str) else "{}"


def _answer(scripts: dict[str, Script], request: dict[str, Any]) -> dict[str, str]:
    if "source" in request:
        scripts[request["script"]] = Script(request["source"])
    try:
        text = scripts[request["script"]].call(json.dumps(request["call"]))
    except (_ScriptError, UnicodeError, ValueError, TypeError, MemoryError) as error:
        return {"error": str(error)[:2000]}
    if len(text) > MAX_ANSWER:
        return {"error": f"the script gave {len(text)} characters, more than the {MAX_ANSWER} that are read"}
    return {"answer": text}


def _exactly(connection: socket.socket, count: int) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        part = connection.recv(count - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)


def main(descriptor: int) -> None:
    """Answer requests until the other side is gone."""
    resource.setrlimit(resource.RLIMIT_DATA, (DATA, DATA))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    scripts: dict[str, Script] = {}
    with socket.socket(fileno=descriptor) as connection:
        while True:
            try:
                request = json.loads(_exactly(connection, int.from_bytes(_exactly(connection, 4), "big")))
            except EOFError:
                return
            used = resource.getrusage(resource.RUSAGE_SELF)
            resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 2, resource.RLIM_INFINITY))
            answer = json.dumps(_answer(scripts, request)).encode()
            connection.sendall(len(answer).to_bytes(4, "big") + answer)


if __name__ == "__main__":
    main(int(sys.argv[1]))
