"""MLPerf Tiny's keyword-spotting recipe (github.com/mlcommons/tiny, benchmark/training/keyword_spotting), written anew.

Its network and its training windows; recipes/mlperf_tiny.json has the rest. `training/baseline.py` runs it beside ours.
"""
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers

from training.augment import FULL_SCALE, AugmentConfig, Windows
from training.folders import SILENCE
from training.norm import BatchNormalization

if TYPE_CHECKING:
    from training.config import Config
    from training.data import Dataset

NOISE_SHARE = 0.8                       # of the windows, silence too
NOISE_VOLUME = 0.1                      # the highest; drawn evenly from 0, of noise at the level it was recorded at
L2 = 1e-4                               # of the convolutions' weights; the depthwise ones have none in the published code either


def ds_cnn_published(input_shape: tuple[int, int], classes: int, channels: int = 64) -> keras.Model:
    """`ds_cnn` with the published dropout and L2 penalty.

    Two things differ: the published convolutions have a bias in front of their batch norms, which cancel it, and its
    average leaves out the last of 25 rows.
    """
    l2 = keras.regularizers.L2(L2)
    inputs = keras.Input((*input_shape, 1))
    x = layers.Conv2D(channels, (10, 4), strides=2, padding="same", use_bias=False, kernel_regularizer=l2)(inputs)
    x = layers.Dropout(0.2)(layers.ReLU()(BatchNormalization()(x)))
    for _ in range(4):
        x = layers.ReLU()(BatchNormalization()(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)))
        x = layers.Conv2D(channels, 1, use_bias=False, kernel_regularizer=l2)(x)
        x = layers.ReLU()(BatchNormalization()(x))
    x = layers.GlobalAveragePooling2D()(layers.Dropout(0.4)(x))
    return keras.Model(inputs, layers.Dense(classes)(x), name="ds_cnn_published")


def at_full_scale(pcm: np.ndarray) -> np.ndarray:
    """float32 [n] whose largest sample is 1, of [n] in any unit; zeros stay zeros."""
    return pcm.astype(np.float32) / max(float(np.abs(pcm.astype(np.float32)).max(initial=0)), 1e-9)


@dataclass
class PublishedWindows(Windows):
    """A recording at full scale where it was recorded, with noise behind it; silence is a window of a noise recording.

    The published code draws neither a shift nor a volume, though it has options for both. It draws its noise once for
    the whole training; here every window has its own, as its options say. Of `config` nothing is used.
    """

    def draw(self, rng: np.random.Generator, label: int, clip: int) -> np.ndarray:
        """int16 [length] of class `label`; `clip` is the recording to use where the class has recordings."""
        silence = label == self.split.labels.index(SILENCE)
        window = at_full_scale(self._recorded(rng) if silence else self.split.pcm[clip])
        if rng.uniform() < NOISE_SHARE:
            window = window + self._recorded(rng) / FULL_SCALE * rng.uniform(0, NOISE_VOLUME)
        return np.round(np.clip(window, -1, 1) * (FULL_SCALE - 1)).astype(np.int16)

    def _recorded(self, rng: np.random.Generator) -> np.ndarray:
        noise = self.noise[rng.integers(len(self.noise))]
        start = int(rng.integers(len(noise) - self.length + 1))
        return noise[start:start + self.length].astype(np.float32)


WINDOWS = {"hark": Windows, "published": PublishedWindows}


def windows_for(config: Config, dataset: Dataset) -> Windows:
    """What training windows are drawn by. Raises ValueError for an unknown `config.windows`."""
    if config.windows not in WINDOWS:
        raise ValueError(f"unknown windows '{config.windows}'; known are {', '.join(WINDOWS)}")
    augment: AugmentConfig = config.augment
    return WINDOWS[config.windows](dataset.splits["train"], dataset.noise, augment)
