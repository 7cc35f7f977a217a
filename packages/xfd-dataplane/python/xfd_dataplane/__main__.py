"""`python -m xfd_dataplane` is the command `xfd-get`."""

import sys

from xfd_dataplane.cli import main

sys.exit(main())
