"""Keyword spotting: a front end and a quantised neural network over 16-bit audio.

    import kws
    model = kws.Model("/rom/dscnn.kws")
    stream = kws.Stream(model)
    for i in range(stream.feed(pcm)):               # pcm: array('h') or bytes of int16 samples
        row = stream.scores[i * model.classes : (i + 1) * model.classes]

The same calls give the same bytes on every platform. After construction nothing here allocates, apart from `Model.run`
and the attributes `kernels`, `meta`, `input_shape`, `scale` and `input_scale`, which are made anew at every access: read them
once. A call that raises changes nothing.
"""

kernels: str
"""Name of the kernel set in use: "m7" (Cortex-M7), "neon" or "sdot" (64-bit Arm, by what the processor has), or "c", the
portable reference. All give the same bytes."""

class Model:
    """A validated model. Read-only; any number of streams and front ends may share one."""

    def __init__(self, source: str | bytes | bytearray | memoryview, /) -> None:
        """Opens a .kws blob: a path, or an object with the buffer protocol that holds one.

        A file in ROMFS and read-only bytes (bytes, a memoryview of bytes or of ROM) are used where they lie, without a
        copy, when their data starts at a multiple of 4 bytes; the model keeps the object alive, but a file system must not
        be unmounted or rewritten under it. Anything else is copied to the heap. `zero_copy` tells.

        Raises ValueError when the blob is not valid, saying what and at which byte, OSError with the file's name when it
        cannot be read or is longer than 16 MiB, MemoryError, and TypeError for an object that is no buffer.
        """

    labels: tuple[str, ...]
    """Names of the classes in the order of the scores; empty when the blob has none."""
    classes: int
    """Scores in a row."""
    scale: float
    zero_point: int
    """A score means scale * (score - zero_point); with a softmax that is a probability, (score + 128) / 256."""
    input_shape: tuple[int, int, int]
    """(height, width, channels) of the features that the network sees; height is its window in frames."""
    input_scale: float
    input_zero_point: int
    """A feature means input_scale * (feature - input_zero_point)."""
    sample_rate: int
    """Of the audio, in Hz. This and the four below are 0 in a blob without a front end."""
    frame_samples: int
    """Samples that one frame looks at: what Frontend.frame takes."""
    hop_samples: int
    """Samples from the start of one frame to the next."""
    window_samples: int
    """Samples that one decision looks at: (input_shape[0] - 1) * hop_samples + frame_samples."""
    decision_hop_frames: int
    """A stream decides every so many frames."""
    arena_bytes: int
    """Working memory for activations: of `run`, and of a stream in mode "window"."""
    streaming: bool
    """Whether the network can compute a row of scores from the new frames and what it kept of the older ones."""
    zero_copy: bool
    """Whether the blob is used where it lies."""
    meta: dict
    """What the maker noted: command, seed, figures, detector defaults. Parsed anew at every access."""

    def run(self, features: bytes | bytearray | memoryview, /) -> memoryview:
        """Runs the network once: int8 features, as many bytes as input_shape has elements -> int8 scores [classes].

        A network with variables begins with their first values. For tests and experiments; allocates the result and, while
        it runs, arena_bytes. ValueError for a wrong length.
        """

class Frontend:
    """One frame of audio to one row of features, with the configuration in the model. No state between frames.

    Its working memory is its own, so a hard interrupt handler needs a front end of its own, too.
    """

    def __init__(self, model: Model, /) -> None:
        """ValueError when the model has no front end."""

    def frame(self, pcm, out: bytearray | None = None, /) -> memoryview:
        """int16 pcm [frame_samples] -> int8 features, one row of the network's input.

        The result is in `out` (writable, one byte a feature) when given, else in a buffer of this object that the next
        call overwrites. ValueError for wrong lengths, TypeError when pcm is neither array('h') nor bytes.
        """

    def raw(self, pcm, out=None, /) -> memoryview:
        """The same before normalisation, int16: log2 of power (or its DCT) in fixed point. For calibration and tests.

        `out`, when given, has 2 bytes a feature and starts at a multiple of 2, an array('h') for example. ValueError otherwise.
        """

class Stream:
    """Audio in pieces of any size, rows of scores out. Owns all state: history, working memory and scores."""

    def __init__(self, model: Model, *, rows: int = 16, mode: str = "auto") -> None:
        """rows: how many rows one feed may produce.

        mode: "auto" computes only what is new, where the model can (`Model.streaming`); "window" runs the whole network
        on the last window_samples for every row. The scores are the same, unless a layer looks past the edge of the
        window: in mode "step" such a layer sees the sound before the window there. "step" is no request: it is what "auto"
        becomes where the model can, and what the attribute `mode` says then.

        ValueError when the model has no front end, rows is not positive, or there is no such mode.
        """

    def feed(self, pcm, /) -> int:
        """Takes int16 samples (array('h'), or bytes, bytearray, memoryview of even length; any alignment, native
        order) and returns the number of new rows in `scores`. The first row comes after model.window_samples samples,
        then one every decision_hop_frames frames. How the audio is cut into pieces does not change a score.

        Never blocks or allocates. ValueError, before anything is taken, when pcm is longer than max_samples or odd;
        RuntimeError, as from `reset`, in a hard interrupt handler or a thread that came in the middle of a feed of this
        stream.
        A KeyboardInterrupt in the middle of a feed, which only Linux has, resets the stream.
        """

    scores: memoryview
    """int8 [rows * classes], row after row; after `feed` returned n the first n rows are new. Overwritten by `feed`."""
    rows: int
    max_samples: int
    """The longest piece that feed takes: rows * decision_hop_frames * hop_samples."""
    mode: str
    """What it became: "step" or "window"."""
    state_bytes: int
    """What is kept from one row of scores to the next, part of the stream's memory: in mode "window" its frames."""
    arena_bytes: int
    """Working memory for activations; in mode "step" the state is a part of it."""
    frames: int
    """Frames since the start or the last reset, modulo 2**30."""
    model: Model

    def reset(self) -> None:
        """Forgets all audio: the next scores are those of a new stream."""
