# SPDX-License-Identifier: GPL-2.0
"""Results of boots on disk, so that an interrupted run goes on where it was.

A result is kept under a key: a checksum over all that it depends on. Each file is replaced as a
whole.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

from kernels import boot
from kernels.boot import Job
from matrix.jobs import CHECK, WAYS, Measured, Mutated


def digest(*parts: str) -> str:
    """A checksum over texts, of which none runs into the next."""
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@cache
def file_digest(path: Path) -> str:
    """The checksum of a file, which does not change while this program runs."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(path: Path, text: str) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temp = path.with_name(f".{path.name}.new")
    temp.write_text(text, encoding="utf-8")
    os.replace(temp, path)


def _read(path: Path) -> dict[str, Any]:
    """An object; an empty one if there is none, or if the file is not whole."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def host_key(job: Job, qemu_version: str) -> str:
    """What a measurement depends on."""
    files = (f"{name}={content if isinstance(content, str) else file_digest(content)}"
             for name, content in job.files.items())
    return digest(file_digest(job.image), file_digest(job.busybox), file_digest(boot.HERE / "init"),
                  qemu_version, job.config.name, job.params, job.script, *files)


class Host:
    """What is known of a kernel on a machine."""

    def __init__(self, place: Path, states: Path) -> None:
        self.place = place
        self._states = states
        self.dump = place / "dump.json"

    def measured(self, key: str) -> Measured | None:
        """The measurement with this key."""
        info = _read(self.place / "measured.json")
        if info.get("key") != key:
            return None
        try:
            states = {kind: (self._states / name).read_text(encoding="utf-8")
                      for kind, name in info["states"].items()}
            dump = self.dump.read_text(encoding="utf-8")
        except OSError:
            return None
        mutated = Mutated(**info["mutated"] | {"wrong": tuple(info["mutated"]["wrong"])})
        return Measured(info["release"], dump, states, info["lacks"], mutated, info["seconds"])

    def keep_measured(self, key: str, found: Measured, names: Mapping[str, str]) -> None:
        """Keep it; `names` has the name of each state's file by its kind."""
        for kind, text in found.states.items():
            write(self._states / names[kind], text)
        write(self.dump, found.dump)
        # Last: it makes the others count.
        write(self.place / "measured.json", json.dumps(
            {"key": key, "release": found.release, "seconds": found.seconds,
             "states": dict(names), "lacks": dict(found.lacks),
             "mutated": asdict(found.mutated)}, indent=1))

    def answers(self, key: str) -> dict[str, Any]:
        """The answers with this key, by the checksum of the state and the VMM."""
        kept = _read(self.place / "answers.json")
        return dict(kept.get("answers", {})) if kept.get("key") == key else {}

    def keep_answers(self, key: str, answers: Mapping[str, Any], seconds: float) -> None:
        write(self.place / "answers.json",
              json.dumps({"key": key, "seconds": seconds, "answers": dict(answers)}))

    def seconds(self) -> dict[str, float]:
        """How long the boots took that gave what is kept."""
        return {what: float(_read(self.place / f"{what}.json").get("seconds", 0.0))
                for what in ("measured", "answers")}


def answer_key(key: str) -> str:
    """What answers depend on, besides the state: the host with its measurement, and the job."""
    return digest(key, CHECK, WAYS)


def state_keys(paths: Iterable[Path]) -> dict[str, str]:
    """The checksums of states, by the names of their files."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}
