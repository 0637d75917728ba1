# SPDX-License-Identifier: GPL-2.0
"""An initramfs from a few files, without root."""

import os
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

CPIO = "/usr/bin/cpio"

# A file to copy, or the text of one. What the guest is to execute must be executable here; a
# text is executable.
Content = Path | str


class CannotPack(Exception):
    """A file is missing, or cpio failed."""


def _tree(root: Path, files: Mapping[str, Content]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            path.write_text(content, encoding="utf-8")
            path.chmod(0o755)
        else:
            # cpio follows it.
            path.symlink_to(content.resolve(strict=True))


def _links(root: Path, links: Mapping[str, str]) -> None:
    for name, target in links.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def write(output: Path, files: Mapping[str, Content], links: Mapping[str, str] | None = None,
          more: tuple[Path, ...] = ()) -> None:
    """Write the archive: files by their names in the guest, symbolic links with their targets, and
    finished archives to append, since the kernel unpacks all that it finds. The output is replaced
    as a whole. What is not copied has no time, so the same content gives the same archive."""
    output.parent.mkdir(parents=True, exist_ok=True)
    temp = output.with_name(f"{output.name}.new")
    with tempfile.TemporaryDirectory(prefix="initramfs-") as place:
        root = Path(place)
        copied, linked = root / "files", root / "links"
        for path in (copied, linked):
            path.mkdir()
        try:
            _tree(copied, files)
            _links(linked, links or {})
            with temp.open("wb") as archive:
                archive.write(_cpio(copied, "--dereference"))
                archive.write(_cpio(linked))
                for path in more:
                    archive.write(path.read_bytes())
        except OSError as why:
            temp.unlink(missing_ok=True)
            raise CannotPack(f"{why.filename or output}: {why.strerror}") from None
    os.replace(temp, output)


def _cpio(root: Path, *options: str) -> bytes:
    paths = sorted(root.rglob("*"))
    names = [str(path.relative_to(root)) for path in paths]
    for path in paths:
        os.utime(path, (0, 0), follow_symlinks=False)
    done = subprocess.run(
        [CPIO, "--quiet", "--null", "--create", "--format=newc", "--owner=0:0", "--reproducible",
         *options], cwd=root, input=b"".join(name.encode() + b"\0" for name in names),
        capture_output=True, check=False)
    if done.returncode:
        raise CannotPack(f"{CPIO}: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
