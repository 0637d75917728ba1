# SPDX-License-Identifier: GPL-2.0
"""What the steps that are Python programs run, with which arguments."""

import contextlib
import io
import tempfile
import unittest
from collections.abc import Mapping, Sequence
from pathlib import Path

from driver import steps
from driver.programs import PYTHON
from driver.settings import ROOT, SCRIPTS, Settings, Wrong

GUEST_KERNEL = "kernels/6.12/vmlinuz"


class Programs(unittest.TestCase):
    def setUp(self) -> None:
        place = self.enterContext(tempfile.TemporaryDirectory())
        self.out = Path(place, "out")
        self.cache = Path(place, "cache")
        # The exit statuses of programs that fail
        self.status: dict[str, int] = {}
        self.started: list[list[str]] = []
        self.env: list[Mapping[str, str]] = []

    def touch(self, name: str, text: str = "") -> None:
        path = Path(self.out.parent, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def start(self, argv: Sequence[str], _place: Path, env: Mapping[str, str]) -> int:
        words = [str(word) for word in argv]
        what = words[words.index("-m") + 1] if "-m" in words else words[0]
        self.started.append([what.removeprefix(f"{SCRIPTS}/"), *words])
        self.env.append(env)
        return self.status.get(what, 0)

    def do(self, step: str, **more: str) -> int:
        self.started.clear()
        self.env.clear()
        env = {"OUT": str(self.out), "CACHE": str(self.cache), "CONFIG": "base", "JOBS": "2",
               "KSELFTEST": "/selftests", "BUSYBOX": "/busybox", "WITHOUT": "/without",
               "HOME": "/home/x", "ALL": "0", **more}
        return steps.do(step, Settings(env), self.start)

    @property
    def what(self) -> list[str]:
        return [name for name, *_ in self.started]

    def words(self, step: str, **more: str) -> str:
        """The command, without the paths that are always there."""
        self.assertEqual(self.do(step, **more), 0)
        self.assertEqual(len(self.started), 1)
        return " ".join(self.started[0][1:])

    def test_a_guest(self) -> None:
        self.assertEqual(
            self.words("run"), f"{PYTHON} -B -m vm run --image {self.out}/kernel/arch/arm64/boot/"
            f"Image --selftests /selftests --busybox /busybox --out {self.out}/results --jobs 2")
        chosen = {"ABI": "c", "GIC": "2", "CPU": "max", "MODE": "vhe", "CMDLINE": "a=b",
                  "TESTS": "x,y", "SEED": "0x1", "FUZZ_SECONDS": "3", "ALL": "1", "BRIEF": "y"}
        said = "--abi c --gic 2 --cpu max --mode vhe --cmdline a=b --brief --all"
        timed = " --seconds 3 --seed 0x1"
        for step, more in (("run", f"{timed} --tests x,y"), ("quick", f"{timed} --tests x,y"),
                           ("fuzz", timed), ("boot", timed), ("judge", timed), ("kunit", "")):
            words = self.words(step, **chosen)
            self.assertTrue(words.endswith(f" --jobs 2 {said}{more}"), words)

    def test_the_step_of_the_debug_kernel(self) -> None:
        words = self.words("debug-run")
        self.assertIn(f"--image {self.out}/kernel-debug/", words)
        self.assertIn(f"--out {self.out}/results/debug ", words)
        self.assertTrue(words.endswith(" --debug"))

    def test_a_benchmark(self) -> None:
        words = self.words("bench", BASE="/old.json", CPU="max")
        self.assertIn(f"-m bench run --kernel {self.out}/kernel --without /without ", words)
        self.assertTrue(words.endswith("--cpu max --base /old.json"), words)
        self.touch("out/state/bench-build.json")
        self.assertTrue(self.words("bench").endswith(f"--build {self.out}/state/bench-build.json"))

    def test_coverage(self) -> None:
        words = self.words("coverage", CPU="max")
        self.assertIn(f"-m coverage run --kernel {self.out}/kernel-coverage ", words)
        self.assertTrue(words.endswith("--cpu max"), words)

    def test_the_package_of_the_flavour_is_tried(self) -> None:
        words = self.words("test-deb")
        self.assertIn(f"-m deb --package {self.out}/deb/cloud-arm64 --debian {self.cache}/debian-root "
                      f"--kvmfit {self.out}/kvmfit --selftests /selftests --busybox /busybox "
                      f"--out {self.out}/test-deb --results {self.out}/results", words)
        self.assertIn("/deb/arm64 ", self.words("test-deb", DEB_FLAVOUR="arm64"))

    def test_flips_need_a_kernel(self) -> None:
        with self.assertRaisesRegex(Wrong, "there is no kernel at .*: run 'make kernel'"):
            self.do("flips")
        self.touch("out/kernel/arch/arm64/boot/Image")
        self.assertIn(f"-m mutants.flips {ROOT} {self.out}/flips ", self.words("flips"))
        self.assertTrue((self.out / "flips").is_dir())

    def test_pages_are_written_without_the_users_environment(self) -> None:
        self.assertTrue(self.words("docs").endswith(f"-W error -m docs {ROOT} {self.out}/results"))
        self.assertEqual(set(self.env[0]), {"HOME", "USER", "TERM", "LC_ALL", "PATH"})
        with self.assertRaisesRegex(Wrong, "CONFIG=cfi: the pages show the base kernel"):
            self.do("docs", CONFIG="cfi")

    def test_the_page_of_a_whole_matrix_is_written(self) -> None:
        for status, changes, what in ((0, {}, ["matrix", "docs"]), (1, {}, ["matrix", "docs"]),
                                      (2, {}, ["matrix"]), (0, {"BRIEF": "y"}, ["matrix"]),
                                      (0, {"KERNELS": "6.1"}, ["matrix"]),
                                      (0, {"CPU": "max"}, ["matrix"]),
                                      (0, {"GIC": "3"}, ["matrix"])):
            self.status = {"matrix": status}
            self.assertEqual((self.do("matrix", **changes), self.what), (status, what))
        self.status = {"docs": 1}
        self.assertEqual(self.do("matrix"), 1)
        self.assertEqual(self.started[1][-1], "matrix")

    def test_real_vmms(self) -> None:
        self.touch("cache/vmm/vmms.cpio")
        self.touch(f"cache/{GUEST_KERNEL}")
        self.assertEqual((self.do("vmm"), self.what),
                         (0, ["kernels.sh", "vmm/parts.sh", "vmm", "docs"]))
        kernels = "6.1 6.12 6.18 7.3 c rust at-6.1 at-6.12 at-6.18"
        self.assertEqual(self.env[0]["KERNELS"], f"{kernels} 6.12")
        self.assertIn(kernels, self.started[2])
        self.do("vmm", KERNELS="6.1", VMM="qemu-10", CLOUD_HYPERVISOR="/x")
        self.assertEqual((self.env[0]["KERNELS"], self.what[-1]), ("6.1 6.12", "vmm"))
        self.assertEqual(self.started[2][-4:], ["--vmm", "qemu-10", "--cloud-hypervisor", "/x"])
        self.do("vmm", BRIEF="y")
        self.assertEqual((self.env[0]["KERNELS"], self.what[-1]), ("6.12", "vmm"))
        self.status = {f"{SCRIPTS}/vmm/parts.sh": 1}
        self.assertEqual((self.do("vmm"), self.what[-1]), (1, "vmm/parts.sh"))
        self.status = {f"{SCRIPTS}/kernels.sh": 1}
        self.assertEqual((self.do("vmm"), self.what), (1, ["kernels.sh"]))

    def test_real_vmms_that_are_not_there(self) -> None:
        self.touch(f"cache/{GUEST_KERNEL}")
        with self.assertRaisesRegex(Wrong, "there is no .*vmms.cpio: run 'make setup'"):
            self.do("vmm")
        self.touch("cache/vmm.gone", "the archive no longer has x\n")
        why = "the archive no longer has x; to use a version that it has: scripts/vmm/pin.sh"
        with self.assertRaisesRegex(Wrong, f"^{why}$"):
            self.do("vmm")
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            self.assertEqual((self.do("vmm", BRIEF="y"), self.what), (0, ["kernels.sh"]))
        self.assertEqual(said.getvalue(), f"      skipped: {why}\n")
        self.assertEqual((self.out / "results/vmm.count").read_text(encoding="utf-8"), "0 0 1\n")


if __name__ == "__main__":
    unittest.main()
