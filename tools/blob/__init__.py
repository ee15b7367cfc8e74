"""The .kws blob on the host: writing (BlobWriter), reading and showing. tools/import_tflite makes blobs of models.


SPEC.md defines the format; the reader on the device is usermod_kws/net/model.c.
"""

from tools.blob.frontend import FrontendConfig
from tools.blob.reader import BlobError, read
from tools.blob.writer import BlobWriter, Quant, Tensor

__all__ = ["BlobError", "BlobWriter", "FrontendConfig", "Quant", "Tensor", "read"]
