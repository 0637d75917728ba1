# SPDX-License-Identifier: GPL-2.0
"""How scripts/lint.sh reads the logs of its tools."""
