"""`python -m surveil` is `surveil`."""

import sys

from surveil.cli import main

if __name__ == "__main__":
    sys.exit(main())
