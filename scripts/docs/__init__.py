# SPDX-License-Identifier: GPL-2.0
"""The parts of README.md and docs/ that `make docs` writes."""
