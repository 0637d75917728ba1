# SPDX-License-Identifier: GPL-2.0
"""What scripts/lint.sh makes of the logs of its tools."""
