# SPDX-License-Identifier: GPL-2.0
"""kernels.sh: stock kernels from the pool of a mirror, by checksum."""

import shutil
import subprocess
import unittest
from pathlib import Path

from driver.place import Place, Ran, sha256

COLUMNS = "{name} | trixie | {package} | {version} | pool/{file} | {checksum}\n"


class Kernels(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository()
        self.mirror = self.dir / "mirror"
        (self.mirror / "pool").mkdir(parents=True)
        self.rows = ""
        # In packages of either kind
        self.add("6.1", "6.1.9-1", "boot/vmlinuz-6.1.0-9-arm64")
        self.add("7.3", "7.3.4-1", "usr/lib/modules/7.3.4-arm64/vmlinuz")

    def package(self, name: str, version: str, *files: str) -> Path:
        work = self.dir / f"deb-{name}-{version}"
        (work / "DEBIAN").mkdir(parents=True)
        for path in files:
            (work / path).parent.mkdir(parents=True, exist_ok=True)
            (work / path).write_text(f"kernel {version}\n", encoding="utf-8")
        (work / "DEBIAN/control").write_text(
            f"Package: linux-{name}\nVersion: {version}\nArchitecture: arm64\n"
            "Maintainer: nobody\nDescription: a kernel of one line\n", encoding="utf-8")
        deb = self.mirror / f"pool/linux-{name}_{version}_arm64.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-Znone", "-b", work, deb], check=True,
                       stdout=subprocess.DEVNULL)
        return deb

    def add(self, name: str, version: str, *files: str) -> None:
        self.pin_kernel(name, version, self.package(name, version, *files))

    def pin_kernel(self, name: str, version: str, deb: Path, checksum: str = "") -> None:
        self.rows += COLUMNS.format(name=name, package=f"linux-{name}", version=version,
                                    file=deb.name, checksum=checksum or sha256(deb))

    def get(self, **changes: str) -> Ran:
        (self.repo / "scripts/kernels/pinned").write_text(f"# A comment\n\n{self.rows}",
                                                          encoding="utf-8")
        return self.run_it("scripts/kernels.sh", repo=self.repo,
                           **{"DEBIAN_MIRROR": f"file://{self.mirror}", **changes})

    def there(self) -> dict[str, str]:
        """The kernels in the cache; what is not finished would be there, too."""
        found = (self.cache / "kernels").glob("*")
        return {path.name: (path / "vmlinuz").read_text(encoding="utf-8") if path.is_dir() else
                path.read_text(encoding="utf-8") for path in found}

    def test_each_comes_from_the_pool(self) -> None:
        ran = self.get()
        self.assertEqual(ran.status, 0, ran)
        self.assertEqual(self.there(), {"6.1": "kernel 6.1.9-1\n", "7.3": "kernel 7.3.4-1\n"})

    def test_with_a_kernel_in_the_cache_no_network_is_used(self) -> None:
        self.get()
        shutil.rmtree(self.mirror)
        ran = self.get(DEBIAN_MIRROR="http://m.invalid/debian")
        self.assertEqual((ran.status, ran.out), (0, ""), ran)

    def test_only_those_that_are_asked_for(self) -> None:
        for words in ("7.3", "7.3 rust", "rust,7.3"):
            shutil.rmtree(self.cache, ignore_errors=True)
            ran = self.get(KERNELS=words)
            self.assertEqual((ran.status, list(self.there())), (0, ["7.3"]), ran)

    def test_a_name_that_is_not_in_the_list(self) -> None:
        self.assert_died(self.get(KERNELS="6.1 6.2"), "KERNELS=6.2 is not known",
                         "6.1, 7.3, c, rust")
        self.assert_died(self.get(KERNELS="*"), "KERNELS=* is not known")

    def test_one_that_is_gone_is_named_and_the_others_are_there(self) -> None:
        for path in (self.mirror / "pool").glob("linux-6.1_*"):
            path.rename(self.dir / "kept.deb")
        ran = self.get()
        self.assertEqual(ran.status, 0, ran)
        said = "the archive no longer has linux-6.1_6.1.9-1_arm64.deb\n"
        self.assertIn(f"6.1 is left out: {said}", ran.out)
        self.assertEqual(self.there(), {"6.1.gone": said, "7.3": "kernel 7.3.4-1\n"})
        # Back again
        (self.dir / "kept.deb").rename(self.mirror / "pool/linux-6.1_6.1.9-1_arm64.deb")
        self.assertEqual(self.get().status, 0)
        self.assertEqual(list(sorted(self.there())), ["6.1", "7.3"])

    def test_another_file_by_that_name_is_refused(self) -> None:
        self.rows = ""
        deb = next((self.mirror / "pool").glob("linux-7.3_*"))
        self.pin_kernel("7.3", "7.3.4-1", deb, "1" * 64)
        self.assert_died(self.get(), deb.name, "wrong checksum")
        self.assertEqual(self.there(), {})

    def test_without_a_network(self) -> None:
        self.fake("apt-helper", "echo \"E: Failed to fetch x  Could not resolve 'm.invalid'\"\n"
                  "exit 100")
        self.assert_died(self.get(DEBIAN_MIRROR="http://m.invalid/debian"), "no network?")
        self.assertEqual(self.there(), {})

    def test_a_package_without_a_kernel(self) -> None:
        self.rows = ""
        self.add("6.2", "6.2.1-1", "boot/config-6.2")
        self.assert_died(self.get(), "the kernel 6.2 has no vmlinuz")
        self.assertEqual(self.there(), {})

    def test_another_version_replaces_the_kernel(self) -> None:
        self.get()
        self.rows = ""
        self.add("7.3", "7.3.5-1", "boot/vmlinuz")
        self.assertEqual(self.get().status, 0)
        self.assertEqual(self.there()["7.3"], "kernel 7.3.5-1\n")


if __name__ == "__main__":
    unittest.main()
