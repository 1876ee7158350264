"""`python -m shotclock.sources`: bring the raw files in place."""

import sys

from shotclock.sources.find import main

sys.exit(main())
