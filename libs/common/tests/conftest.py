"""The frame's own tests run on a service of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
