# SPDX-License-Identifier: GPL-2.0
"""`python3 -m driver`"""

import entry
from driver.settings import NAME

entry.run("driver", f"{NAME}: error")
