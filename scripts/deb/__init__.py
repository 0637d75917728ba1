# SPDX-License-Identifier: GPL-2.0
"""The Debian package of the kernel, and a Debian system in QEMU in which it is tried."""
