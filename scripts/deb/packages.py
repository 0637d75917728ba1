# SPDX-License-Identifier: GPL-2.0
"""Debian packages as files: an ar archive of two tar archives, which are compressed."""

import lzma
import zlib
from collections.abc import Iterator
from pathlib import Path

MAGIC = b"!<arch>\n"
HEADER = 60
CONTROL, DATA = "control.tar", "data.tar"


class BadPackage(Exception):
    """A file is not a Debian package."""


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    """The members of an ar archive."""
    if not data.startswith(MAGIC):
        raise BadPackage("it is no archive")
    at = len(MAGIC)
    while at < len(data):
        header = data[at:at + HEADER]
        size = header[48:58].strip()
        if len(header) != HEADER or not size.isdigit():
            raise BadPackage(f"the archive is damaged at byte {at}")
        at += HEADER
        content = data[at:at + int(size)]
        if len(content) != int(size):
            raise BadPackage("the archive ends too early")
        yield header[:16].decode().strip().rstrip("/"), content
        at += int(size) + int(size) % 2


def _unpacked(name: str, content: bytes) -> tuple[str, bytes]:
    """A member that is not compressed, by its new name."""
    stem, _, how = name.rpartition(".")
    try:
        if how == "xz":
            return stem, lzma.decompress(content)
        if how == "gz":
            return stem, zlib.decompress(content, wbits=31)
    except (lzma.LZMAError, zlib.error) as why:
        raise BadPackage(f"{name}: {why}") from None
    if how not in ("tar", "debian-binary", ""):
        raise BadPackage(f"{name} is compressed in an unknown way")
    return name, content


def plain(package: Path) -> tuple[bytes, bytes]:
    """The same package without compression, and what it installs as a tar archive. Where arm64 is
    emulated, to unpack it would take longer than all else."""
    try:
        members = [_unpacked(*member) for member in _members(package.read_bytes())]
    except BadPackage as why:
        raise BadPackage(f"{package.name}: {why}") from None
    found = dict(members)
    if not {CONTROL, DATA} <= set(found):
        raise BadPackage(f"{package.name}: it has only {', '.join(found) or 'nothing'}")
    archive = [MAGIC]
    for name, content in members:
        archive += [f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n".encode(),
                    content, b"\n" * (len(content) % 2)]
    return b"".join(archive), found[DATA]
