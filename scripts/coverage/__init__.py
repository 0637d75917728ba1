# SPDX-License-Identifier: GPL-2.0
"""What of the Rust code runs: in the core's tests on the host, and in the kernel."""
