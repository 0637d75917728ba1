# SPDX-License-Identifier: GPL-2.0
"""`python3 -m bench`"""

import sys

from rows import BadRow

try:
    # Reads the tables.
    from bench.main import main
except BadRow as bad:
    sys.exit(f"bench: {bad}")

sys.exit(main())
