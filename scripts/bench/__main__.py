# SPDX-License-Identifier: GPL-2.0
"""`python3 -m bench`"""

import entry

entry.run("bench", "bench")
