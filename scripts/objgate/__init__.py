# SPDX-License-Identifier: GPL-2.0
"""Checks of the built objects, in their disassembly, and of the userspace ABI's headers."""
