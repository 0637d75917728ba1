# SPDX-License-Identifier: GPL-2.0
"""Tests of the scripts that set up, fetch, build and add up, with neither network nor root."""
