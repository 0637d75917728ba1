# SPDX-License-Identifier: GPL-2.0
"""Stock kernels: the pinned list of them, and how one is booted with files and a job."""
