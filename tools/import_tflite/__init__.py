"""Plain TensorFlow Lite models into blobs: `python -m tools.import_tflite model.tflite -o model.kws`, or import_model."""

from tools.import_tflite.flatbuffer import TfliteError
from tools.import_tflite.importer import ImportReport, import_model

__all__ = ["ImportReport", "TfliteError", "import_model"]
