# SPDX-License-Identifier: GPL-2.0
"""`python3 -m vm`"""

import entry

entry.run("vm", "vm")
