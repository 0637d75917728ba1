# SPDX-License-Identifier: GPL-2.0
"""deb/get.sh and deb/build.sh: Debian's configurations, and what is refused before a build."""

import lzma
import shutil
import subprocess
import unittest

from driver import steps
from driver.place import ROOT, Place, Ran, sha256
from driver.settings import Settings
from driver.variables import read

PACKAGE = "linux-config-7.3"
FLAVOURS = read(ROOT / "scripts/driver/variables")["DEB_FLAVOUR"]


class Configurations(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        self.mirror = self.dir / "mirror"
        (self.mirror / "pool").mkdir(parents=True)
        self.there = self.cache / "debian-config/7.3"

    def package(self, *flavours: str, version: str = "7.3.4-1") -> None:
        """Put a package with these configurations into the mirror, and pin it."""
        work = self.dir / f"deb-{version}"
        source = work / f"usr/src/{PACKAGE}"
        source.mkdir(parents=True)
        for flavour in flavours:
            text = f"# {flavour} {version}\n".encode()
            (source / f"config.arm64_none_{flavour}.xz").write_bytes(lzma.compress(text))
        (work / "DEBIAN").mkdir()
        (work / "DEBIAN/control").write_text(
            f"Package: {PACKAGE}\nVersion: {version}\nArchitecture: arm64\n"
            "Maintainer: nobody\nDescription: configurations of one line\n", encoding="utf-8")
        deb = self.mirror / f"pool/{PACKAGE}_{version}_arm64.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", work, deb], check=True,
                       stdout=subprocess.DEVNULL)
        self.pin_package(version, f"pool/{deb.name}", sha256(deb))

    def pin_package(self, version: str, name: str, checksum: str, series: str = "7.3") -> None:
        (self.repo / "scripts/deb/pinned").write_text(
            f"# A comment\n\n{series} | trixie | {PACKAGE} | {version} | {name} | {checksum}\n",
            encoding="utf-8")

    def get(self, **changes: str) -> Ran:
        return self.run_it("scripts/deb/get.sh", repo=self.repo,
                           **{"DEBIAN_MIRROR": f"file://{self.mirror}", **changes})

    def found(self) -> dict[str, str]:
        return {path.name: path.read_text(encoding="utf-8") for path in self.there.glob("*")
                if path.name != "sha256"}

    def test_each_flavour_comes_from_the_pool(self) -> None:
        self.package(*FLAVOURS, "rt-arm64")
        ran = self.get()
        self.assertEqual(ran.status, 0, ran)
        self.assertEqual(self.found(), {name: f"# {name} 7.3.4-1\n" for name in FLAVOURS})

    def test_with_them_in_the_cache_no_network_is_used(self) -> None:
        self.package(*FLAVOURS)
        self.get()
        shutil.rmtree(self.mirror)
        ran = self.get(DEBIAN_MIRROR="http://m.invalid/debian")
        self.assertEqual((ran.status, ran.out), (0, ""), ran)

    def test_another_version_replaces_them(self) -> None:
        self.package(*FLAVOURS)
        self.get()
        self.package(*FLAVOURS, version="7.3.5-1")
        self.assertEqual(self.get().status, 0)
        self.assertEqual(self.found()["arm64"], "# arm64 7.3.5-1\n")

    def test_what_is_refused_leaves_nothing(self) -> None:
        self.package(*FLAVOURS[:1])
        self.assert_died(self.get(), f"{PACKAGE} has no configuration of the flavour {FLAVOURS[1]}")
        self.pin_package("7.3.4-1", f"pool/{PACKAGE}_7.3.4-1_arm64.deb", "1" * 64)
        self.assert_died(self.get(), "wrong checksum")
        self.pin_package("7.3.9-1", f"pool/{PACKAGE}_7.3.9-1_arm64.deb", "1" * 64)
        self.assert_died(self.get(), "put the newest one into scripts/deb/pinned")
        self.pin_package("7.4.1-1", "pool/x.deb", "1" * 64, series="7.4")
        self.assert_died(self.get(), "scripts/deb/pinned has no row for Linux 7.3")
        self.assertEqual(self.found(), {})
        self.assertEqual(list(self.there.parent.glob("*")), [])


class Build(Place):
    def test_without_debians_configuration_nothing_is_built(self) -> None:
        tree = self.dir / "out/linux"
        tree.mkdir(parents=True)
        (tree / "Makefile").write_text("VERSION = 7\nPATCHLEVEL = 3\nSUBLEVEL = 4\nNAME = x\n",
                                       encoding="utf-8")
        (tree.parent / ".kvm-arm64-rust").touch()
        ran = self.run_it("scripts/deb/build.sh", O=str(tree.parent))
        self.assert_died(ran, "run scripts/deb/get.sh")

    def test_a_flavour_that_debian_does_not_have(self) -> None:
        self.assert_died(self.run_it("scripts/deb/build.sh", DEB_FLAVOUR="cloud"),
                         f"DEB_FLAVOUR=cloud is not known; good values: {', '.join(FLAVOURS)}")

    def test_what_each_flavour_costs_is_said(self) -> None:
        self.assertEqual(set(steps.DEB_TIMES), set(FLAVOURS))
        for flavour, time in steps.DEB_TIMES.items():
            there = Settings({"OUT": "/nonexistent", "CACHE": "/nonexistent",
                              "DEB_FLAVOUR": flavour})
            title = steps.title("deb", there)
            self.assertIn(f"Debian's configuration {flavour} (about {time} of CPU time", title)


if __name__ == "__main__":
    unittest.main()
