# SPDX-License-Identifier: GPL-2.0
"""An environment to run the scripts in: home, cache, PATH with fakes, and a small repository."""

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import unittest
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "linux-source-7.3"
PAYLOAD_DIRS = ("arch", "include", "rust", "tools", "Documentation")


@dataclass
class Ran:
    """A command's exit status and output."""
    status: int
    out: str
    err: str


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Place(unittest.TestCase):
    """The environment; each test has its own."""

    def setUp(self) -> None:
        there = tempfile.TemporaryDirectory(prefix="driver-test.")
        self.addCleanup(there.cleanup)
        self.dir = Path(there.name)
        self.home, self.bin = self.dir / "home", self.dir / "bin"
        self.calls = self.dir / "calls"
        for path in (self.home, self.bin, self.dir / "tmp"):
            path.mkdir()
        self.cache = self.home / ".cache/kvm-arm64-rust"
        self.source = self.cache / "source/7.3"

    def environment(self, changes: dict[str, str | None]) -> dict[str, str]:
        """The environment variables of a script; None removes one."""
        env: dict[str, str | None] = {
            "HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin:/usr/sbin:/sbin",
            "TMPDIR": str(self.dir / "tmp"), "CALLS": str(self.calls),
            "CARGO_HOME": os.environ.get("CARGO_HOME") or str(Path.home() / ".cargo"),
            "LC_ALL": "C.UTF-8"}
        return {k: v for k, v in (env | changes).items() if v is not None}

    def run_it(self, *argv: str | Path, repo: Path = ROOT, **changes: str | None) -> Ran:
        done = subprocess.run(argv, cwd=repo, env=self.environment(changes), check=False,
                              text=True, stdin=subprocess.DEVNULL, capture_output=True,
                              timeout=120)
        return Ran(done.returncode, done.stdout, done.stderr)

    def start(self, *argv: str | Path, repo: Path, **changes: str | None) -> subprocess.Popen[str]:
        """Start a command in a separate process group, which does not ignore Ctrl-C."""
        return subprocess.Popen(
            argv, cwd=repo, env=self.environment(changes), text=True, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))

    def fake(self, name: str, body: str) -> None:
        """Put a program into PATH before the real one; each call writes a line to $CALLS."""
        path = self.bin / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>"$CALLS"\n{body}\n', encoding="utf-8")
        path.chmod(0o755)

    def called(self) -> list[str]:
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def assert_died(self, ran: Ran, *words: str) -> None:
        """It died with exactly one error, and that has these words."""
        self.assertNotEqual(ran.status, 0, ran)
        errors = [line for line in ran.err.splitlines() if ": error: " in line]
        self.assertEqual(len(errors), 1, ran.err)
        for word in words:
            self.assertIn(word, errors[0])

    def kernel(self, version: str, text: str = "int x;\n") -> Path:
        """Build a package like Debian's, with a kernel of three files."""
        work = self.dir / f"deb-{version}-{len(text)}"
        tree = work / PACKAGE
        (tree / "arch/arm64/kvm").mkdir(parents=True)
        x, y, z = version.partition("-")[0].split(".")
        (tree / "Makefile").write_text(
            f"VERSION = {x}\nPATCHLEVEL = {y}\nSUBLEVEL = {z}\nNAME = None\n", encoding="utf-8")
        (tree / "Kbuild").touch()
        (tree / "arch/arm64/kvm/x.c").write_text(text, encoding="utf-8")
        package = work / "package"
        (package / "usr/src").mkdir(parents=True)
        (package / "DEBIAN").mkdir()
        subprocess.run(["tar", "-C", work, "-cJf", package / f"usr/src/{PACKAGE}.tar.xz", PACKAGE],
                       check=True)
        (package / "DEBIAN/control").write_text(
            f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: all\nMaintainer: nobody\n"
            "Description: a kernel of three files\n", encoding="utf-8")
        deb = self.dir / f"{PACKAGE}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", package, deb],
                       check=True, stdout=subprocess.DEVNULL)
        return deb

    def repository(self, pinned: str = "7.3.4-1", deb: Path | None = None) -> Path:
        """Make a repository with the scripts and an overlay of one patch."""
        repo = self.dir / "repo"
        shutil.copytree(ROOT / "scripts", repo / "scripts",
                        ignore=shutil.ignore_patterns("__pycache__", "test_*.py"))
        shutil.copytree(ROOT / ".ci", repo / ".ci")
        shutil.copy(ROOT / "Makefile", repo)
        for name in PAYLOAD_DIRS:
            (repo / name).mkdir()
        patches = repo / "patches/7.3"
        patches.mkdir(parents=True)
        (patches / "series").write_text("x.patch\n", encoding="utf-8")
        (patches / "x.patch").write_text(
            "--- a/arch/arm64/kvm/x.c\n+++ b/arch/arm64/kvm/x.c\n@@ -1 +1,2 @@\n int x;\n+int y;\n",
            encoding="utf-8")
        self.pin(repo, pinned, sha256(deb) if deb else "0" * 64)
        return repo

    def pin(self, repo: Path, version: str, checksum: str) -> None:
        (repo / "patches/7.3/base").write_text(
            f"# A comment\nPackage: {PACKAGE}\nVersion: {version}\nSuite: trixie-backports\n"
            f"Filename: pool/main/l/linux/{PACKAGE}_{version}_all.deb\nSHA256: {checksum}\n",
            encoding="utf-8")

    def pinned(self, repo: Path) -> str:
        return (repo / "patches/7.3/base").read_text(encoding="utf-8")

    def trees(self) -> list[str]:
        """The kernel sources in the cache, complete or not."""
        return sorted(path.name for path in self.source.glob("*")) if self.source.is_dir() else []
