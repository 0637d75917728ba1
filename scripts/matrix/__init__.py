# SPDX-License-Identifier: GPL-2.0
"""Which VM can move between which kernels: measured, predicted, and written as a page.

Each kernel boots twice on each machine. First it is measured (`kvmfit dump`), and makes the states
of its VMs. Then it says which states of all others it takes (`kvmfit check`). On the build
machine `kvmfit verify` predicts each of these answers from the two measurements alone, and
compares. A cell is one state on one kernel, restored by one VMM.
"""
