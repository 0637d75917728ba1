# SPDX-License-Identifier: GPL-2.0
"""Measure the C and the Rust code of the kernel, and compare them."""
