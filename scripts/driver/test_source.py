# SPDX-License-Identifier: GPL-2.0
"""source.sh: where the kernel source comes from, and the errors if it cannot be had."""

import os
import shutil
import signal
import time
import unittest

from driver.place import PACKAGE, Place, sha256

VERSION = "7.3.4-1"
TREE = f"linux-{VERSION}"
# apt's messages without their prefixes, and the words of the error that each must give
REASONS = (
    ("The following signatures couldn't be verified because the public key is not available: "
     "NO_PUBKEY 6ED0E7B82643E131", "debian-archive-keyring"),
    ("The following signatures were invalid: EXPKEYSIG 648ACFD622F3D138 Debian", "as expired"),
    ("The following signatures were invalid: BADSIG 648ACFD622F3D138 Debian", "signature of the "
     "lists is bad"),
    ("OpenPGP signature verification failed: sqv: Verifying signature: bad", "signature of the "
     "lists is bad"),
    ("Clearsigned file isn't valid, got 'NOSPLIT' (does the network require authentication?)",
     "signature of the lists is bad"),
    ("Release file for x is not valid yet (invalid for another 3h 2min 1s).", "set the clock"),
    ("Release file for x is expired (invalid since 9d).", "set the clock"),
    ("Failed to fetch x  Hash Sum mismatch", "checksum"),
    ("Write error - write (28: No space left on device)", "the disk is full"),
    ("The repository 'x trixie-backports Release' does not have a Release file.", "lacks this suite"),
    ("Failed to fetch x  Could not resolve 'mirror.invalid'", "no network?"),
    ("Failed to fetch x  Temporary failure resolving 'mirror.invalid'", "no network?"),
)


class Source(Place):
    def setUp(self) -> None:
        super().setUp()
        self.deb = self.kernel(VERSION)
        self.repo = self.repository(VERSION, self.deb)
        self.script = self.repo / "scripts/source.sh"
        self.mirror = self.dir / "mirror"
        self.pool = self.mirror / "pool/main/l/linux"
        self.pool.mkdir(parents=True)

    def test_it_comes_from_the_pool_of_the_mirror(self) -> None:
        shutil.copy(self.deb, self.pool)
        ran = self.run_it(self.script, repo=self.repo, DEBIAN_MIRROR=f"file://{self.mirror}")
        self.assertEqual((ran.status, self.trees()), (0, [TREE]), ran)

    def test_a_mirror_that_has_another_file_by_that_name(self) -> None:
        shutil.copy(self.kernel(VERSION, "int other;\n"), self.pool / self.deb.name)
        self.pin(self.repo, VERSION, "1" * 64)
        ran = self.run_it(self.script, repo=self.repo, DEBIAN_MIRROR=f"file://{self.mirror}")
        self.assert_died(ran, "checksum")
        self.assertEqual(self.trees(), [])

    def test_a_mirror_that_no_longer_has_it(self) -> None:
        ran = self.run_it(self.script, repo=self.repo, DEBIAN_MIRROR=f"file://{self.mirror}")
        self.assert_died(ran, self.deb.name, str(self.mirror), "no longer has it")
        for way in ("DEBIAN_MIRROR=", "KERNEL_DEB=", "KERNEL_SRC=", "BASE_UPDATE=1"):
            self.assertIn(way, ran.err)
        self.assertEqual(self.trees(), [])

    def test_offline(self) -> None:
        self.fake("apt-helper", "echo \"E: Failed to fetch x  Could not resolve 'm.invalid'\"; exit 100")
        ran = self.run_it(self.script, repo=self.repo, DEBIAN_MIRROR="http://m.invalid/debian")
        self.assert_died(ran, "no network?", "http://m.invalid/debian")
        self.assertEqual(self.trees(), [])

    def test_it_comes_from_a_file(self) -> None:
        ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB=str(self.deb))
        self.assertEqual((ran.status, self.trees()), (0, [TREE]), ran)
        self.assertTrue((self.source / TREE / "Kbuild").exists())

    def test_a_file_of_another_version_or_content(self) -> None:
        for deb in (self.kernel("7.3.9-1"), self.kernel(VERSION, "int other;\n")):
            self.pin(self.repo, VERSION, "2" * 64)
            ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB=str(deb))
            self.assert_died(ran, f"pins {VERSION}", "BASE_UPDATE=1")
        ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB="/etc/os-release")
        self.assert_died(ran, f"not a package {PACKAGE}")
        self.assertEqual(self.trees(), [])

    def test_with_the_tree_in_the_cache_apt_is_not_called(self) -> None:
        (self.source / TREE).mkdir(parents=True)
        for name in ("apt-get", "apt-helper", "apt-cache"):
            self.fake(name, "exit 1")
        ran = self.run_it(self.script, repo=self.repo)
        self.assertEqual((ran.status, self.called()), (0, []), ran)

    def test_a_newer_tree_in_the_cache_is_not_taken(self) -> None:
        (self.source / "linux-7.3.9-1").mkdir(parents=True)
        ran = self.run_it("bash", "-c", ". scripts/lib.sh; base_tree", repo=self.repo)
        self.assert_died(ran, VERSION, "make setup")

    def test_a_disk_that_is_too_small(self) -> None:
        self.fake("df", "printf 'Avail\\n100M\\n'")
        ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB=str(self.deb))
        self.assert_died(ran, "room for 100 MiB", "takes 2000", str(self.cache))
        self.assertEqual(self.trees(), [])

    def test_a_disk_that_fills_up(self) -> None:
        self.fake("tar", "[[ $* == *--strip-components* ]] || exec /usr/bin/tar \"$@\"\n"
                  "cat >/dev/null; echo 'tar: x: Cannot write: No space left on device' >&2; exit 2")
        ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB=str(self.deb))
        self.assert_died(ran, "could not be unpacked")
        self.assertIn("the disk is full: ", ran.err)
        self.assertEqual(self.trees(), [])

    def test_ctrl_c(self) -> None:
        self.fake("apt-helper", "sleep 60")
        child = self.start(self.script, repo=self.repo, DEBIAN_MIRROR="http://m.invalid/debian")
        while not any("apt-helper" in line for line in self.called()):
            self.assertIsNone(child.poll(), "it ended by itself")
            time.sleep(0.02)
        os.killpg(child.pid, signal.SIGINT)
        output, _ = child.communicate(timeout=60)
        self.assertEqual(child.returncode, -signal.SIGINT, output)
        self.assertEqual(output.count("source.sh: interrupted; "), 1, output)
        self.assertEqual(self.trees(), [])

    def test_leftovers_of_a_killed_run_are_not_used_and_are_removed(self) -> None:
        for name in (f"{TREE}.tmp.1/tree", f"{TREE}.tmp.2"):
            (self.source / name).mkdir(parents=True)
        ran = self.run_it(self.script, repo=self.repo, KERNEL_DEB=str(self.deb))
        self.assertEqual((ran.status, self.trees()), (0, [TREE]), ran)


class Update(Place):
    def setUp(self) -> None:
        super().setUp()
        self.repo = self.repository(VERSION, self.kernel(VERSION))
        self.script = self.repo / "scripts/source.sh"
        self.before = self.pinned(self.repo)
        (self.source / TREE).mkdir(parents=True)

    def test_the_next_version_is_pinned(self) -> None:
        deb = self.kernel("7.3.9-1")
        ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1", KERNEL_DEB=str(deb))
        self.assertEqual((ran.status, self.trees()), (0, [TREE, "linux-7.3.9-1"]), ran)
        self.assertEqual(self.pinned(self.repo), self.before.replace("7.3.4-1", "7.3.9-1").replace(
            self.before.split()[-1], sha256(deb)))
        self.assertIn("now pins 7.3.9-1 instead of 7.3.4-1", ran.out)

    def test_patches_that_do_not_apply_change_nothing(self) -> None:
        deb = self.kernel("7.3.9-1", "int z;\n")
        ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1", KERNEL_DEB=str(deb))
        self.assertNotEqual(ran.status, 0)
        self.assertIn("x.patch does not apply to Linux 7.3.9", ran.err)
        self.assertIn(f"still pins {VERSION}", ran.err)
        self.assertEqual(self.pinned(self.repo), self.before)

    def test_another_kernel_series_is_refused(self) -> None:
        ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1",
                          KERNEL_DEB=str(self.kernel("7.4.1-1")))
        self.assert_died(ran, "holds Linux 7.4.1")
        self.assertEqual((self.pinned(self.repo), self.trees()), (self.before, [TREE]))

    def test_each_error_of_apt_has_its_explanation(self) -> None:
        """And the pin stays unchanged."""
        for text, words in REASONS:
            with self.subTest(text):
                self.fake("apt-get", f"[[ $* != *update ]] || {{ echo \"E: {text}\"; exit 100; }}")
                ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1",
                                  DEBIAN_MIRROR="http://m.invalid/debian")
                self.assert_died(ran, words)
                self.assertEqual(self.pinned(self.repo), self.before)

    def test_an_unsigned_list(self) -> None:
        """Rejected by the machine's real apt."""
        dist = self.dir / "mirror/dists/trixie-backports"
        dist.mkdir(parents=True)
        (dist / "Release").write_text(
            "Suite: trixie-backports\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nComponents: main\n"
            "Architectures: amd64\nSHA256:\n", encoding="utf-8")
        ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1",
                          DEBIAN_MIRROR=f"file://{self.dir}/mirror")
        self.assert_died(ran, "signature of the lists is bad")
        self.assertEqual(self.pinned(self.repo), self.before)

    def test_a_suite_that_no_longer_lists_it(self) -> None:
        for name in ("apt-get", "apt-cache"):
            self.fake(name, "exit 0")
        ran = self.run_it(self.script, repo=self.repo, BASE_UPDATE="1",
                          DEBIAN_MIRROR="http://m.invalid/debian")
        self.assert_died(ran, f"no longer has {PACKAGE}", f"still pins {VERSION}")


if __name__ == "__main__":
    unittest.main()
