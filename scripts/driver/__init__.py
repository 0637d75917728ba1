# SPDX-License-Identifier: GPL-2.0
"""Tests of setup.sh, source.sh, the variables, total.sh and .ci/run, without network and root."""
