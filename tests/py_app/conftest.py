"""py_app's modules and the portable cases become importable."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
for folder in (HERE / "portable", HERE.parents[1] / "py_app", HERE.parents[1]):
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
