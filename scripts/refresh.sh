#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# Usage: scripts/refresh.sh
#
# The step of `make setup` that looks for a newer kernel source.

exec "$(dirname "$0")/source.sh" --refresh
