# SPDX-License-Identifier: GPL-2.0
"""`python3 -m mutants`"""

import sys

from rows import BadRow

try:
    # Reads the tables.
    from mutants.main import main
except BadRow as bad:
    sys.exit(f"mutants: {bad}")

sys.exit(main())
