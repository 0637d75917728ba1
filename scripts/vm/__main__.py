# SPDX-License-Identifier: GPL-2.0
"""`python3 -m vm`"""

import sys

from rows import BadRow

try:
    # Reads the tables.
    from vm.main import main
except BadRow as bad:
    sys.exit(f"vm: {bad}")

sys.exit(main())
