"""`python -m xfd_ray` is the command `xfd`."""

import sys

from xfd_ray.cli import main

sys.exit(main())
