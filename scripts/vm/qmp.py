# SPDX-License-Identifier: GPL-2.0
"""Ask a running QEMU, by its monitor protocol (QMP)."""

import json
import socket
from pathlib import Path
from typing import BinaryIO

# QEMU answers at once, unless it hangs itself.
ANSWER_SECONDS = 10.0


class NoAnswer(Exception):
    """QEMU gave none, or not the one that was asked for."""


def _ask(stream: BinaryIO, request: dict[str, object]) -> object:
    stream.write(json.dumps(request).encode() + b"\n")
    while line := stream.readline():
        answer = json.loads(line)
        if "error" in answer:
            raise NoAnswer(str(answer["error"].get("desc", answer["error"])))
        # Events come in between.
        if "return" in answer:
            return answer["return"]
    raise NoAnswer("QEMU closed the connection")


def monitor(path: Path, command: str) -> str:
    """What a command of the human monitor prints."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            with connection.makefile("rwb", buffering=0) as stream:
                if b'"QMP"' not in stream.readline():
                    raise NoAnswer("no greeting")
                _ask(stream, {"execute": "qmp_capabilities"})
                said = _ask(stream, {"execute": "human-monitor-command",
                                     "arguments": {"command-line": command}})
    except (OSError, ValueError) as why:
        raise NoAnswer(str(why)) from why
    if not isinstance(said, str) or not said.strip():
        raise NoAnswer("an empty answer")
    return said.replace("\r", "")
