# SPDX-License-Identifier: GPL-2.0
"""What the user chose, and where things are: as scripts/vars.sh has checked and exported it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
# The script that the user has called
NAME = "steps.sh"
DEFAULT_SECONDS = "60"


class Wrong(Exception):
    """The user's choice is not possible; the message says why."""


@dataclass(frozen=True)
class Settings:
    """The environment that scripts/steps.sh leaves."""
    env: Mapping[str, str]

    def __getitem__(self, name: str) -> str:
        """The value of a variable, "" by default."""
        return self.env.get(name, "")

    def path(self, name: str) -> Path:
        return Path(self.env[name])

    @property
    def out(self) -> Path:
        """The directory of this clone."""
        return self.path("OUT")

    @property
    def config(self) -> str:
        """Which kernel: base, debug or one of `make builds`."""
        return self["CONFIG"] or "base"

    def but(self, **changes: str) -> "Settings":
        """The same with other values."""
        return replace(self, env={**self.env, **changes})

    def on(self, config: str) -> "Settings":
        """The same for another kernel."""
        return self.but(CONFIG=config)

    def brief(self) -> "Settings":
        """The same for the part that `make test` has time for."""
        return self.but(BRIEF="y")

    @property
    def is_brief(self) -> bool:
        return self["BRIEF"] == "y"

    # As at the end of scripts/vars.sh

    @property
    def kernel(self) -> Path:
        """The output directory of the kernel's build."""
        return self.out / ("kernel" if self.config == "base" else f"kernel-{self.config}")

    @property
    def image(self) -> Path:
        return self.kernel / "arch/arm64/boot/Image"

    @property
    def results(self) -> Path:
        results = self.out / "results"
        if self["FIXES"] == "1":
            results /= "fixes"
        return results if self.config == "base" else results / self.config

    @property
    def seconds(self) -> str:
        """How long to fuzz."""
        return self["FUZZ_SECONDS"] or DEFAULT_SECONDS
