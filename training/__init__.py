"""Keyword models: from a folder of recordings to a `.kws` blob that the board runs."""

import os

# TensorFlow calls it an error that there is no GPU; its real errors are exceptions.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
