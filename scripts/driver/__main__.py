# SPDX-License-Identifier: GPL-2.0
"""`python3 -m driver`"""

import sys

from driver.settings import NAME
from rows import BadRow

try:
    # Reads the tables.
    from driver.main import main
except BadRow as bad:
    sys.exit(f"{NAME}: error: {bad}")

sys.exit(main())
