# SPDX-License-Identifier: GPL-2.0
"""Ask a running QEMU through its monitor protocol (QMP)."""

import json
import socket
from pathlib import Path
from typing import BinaryIO

# QEMU answers at once unless QEMU itself hangs.
ANSWER_SECONDS = 10.0


class NoAnswer(Exception):
    """QEMU gave no answer, or an error."""


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
    """Returns the output of a command of the human monitor."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(ANSWER_SECONDS)
            connection.connect(str(path))
            with connection.makefile("rwb", buffering=0) as stream:
                if b'"QMP"' not in stream.readline():
                    raise NoAnswer("QEMU sent no greeting")
                _ask(stream, {"execute": "qmp_capabilities"})
                said = _ask(stream, {"execute": "human-monitor-command",
                                     "arguments": {"command-line": command}})
    except (OSError, ValueError) as why:
        raise NoAnswer(str(why)) from why
    if not isinstance(said, str) or not said.strip():
        raise NoAnswer("QEMU's answer is empty")
    return said.replace("\r", "")
