"""`python -m clarray` is the `clarray` command."""

import sys

from clarray.cli import main

sys.exit(main())
