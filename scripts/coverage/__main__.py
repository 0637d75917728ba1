# SPDX-License-Identifier: GPL-2.0
"""`python3 -m coverage`"""

import entry

entry.run("coverage", "coverage")
