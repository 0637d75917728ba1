# SPDX-License-Identifier: GPL-2.0
"""The steps of `make`, and tests of the scripts that it calls, without network and root."""
