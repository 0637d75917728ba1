# SPDX-License-Identifier: GPL-2.0
"""`python3 -m mutants`"""

import entry

entry.run("mutants", "mutants")
