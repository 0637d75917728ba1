# SPDX-License-Identifier: GPL-2.0
"""Which lines of the core run in its tests on the host, and in the kernel in mode check."""
