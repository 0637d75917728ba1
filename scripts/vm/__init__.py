# SPDX-License-Identifier: GPL-2.0
"""Boot the kernel under test in QEMU and judge the output of its tests."""
