# SPDX-License-Identifier: GPL-2.0
"""Real VMMs in stock kernels: VMs saved under one kernel and resumed under another."""
