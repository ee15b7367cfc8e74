"""Makes the helpers here, and the kernels' tflite_models, importable beside the tests."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "usermod_kws" / "kernels")]
