# SPDX-License-Identifier: GPL-2.0
"""Mutation tests of the Rust code, and flipped expectations of the selftests."""
