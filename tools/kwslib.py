"""The compiled core (build/host/libkws.so) for Python on the host, through ctypes.

The library is built when it is missing or older than its sources. ctypes releases the interpreter lock during a
call, so threads scale. Set KWSLIB to load another build (a sanitised one, say) as it is.
"""

import ctypes
import fcntl
import os
import subprocess
from functools import cache
from pathlib import Path

import numpy as np

REPO_ROOT = Path(__file__).resolve().parent.parent
CORE = REPO_ROOT / "usermod_kws"
BUILD = REPO_ROOT / "build" / "host"


class KwsError(ValueError):
    """The core refused its input: `code` is its status, `where` a byte offset, `what` the field."""

    def __init__(self, code: int, where: int, what: str, text: str) -> None:
        super().__init__(f"{what or 'input'} at byte {where}: {text}")
        self.code, self.where, self.what = code, where, what


class ErrorStruct(ctypes.Structure):
    """kws_error_t."""

    _fields_ = [("code", ctypes.c_int), ("where", ctypes.c_uint32), ("what", ctypes.c_char_p)]


def build(target: str = "all") -> Path:
    """Brings a target of usermod_kws/Makefile up to date and returns the build folder. make decides what that takes.

    Safe to call from many processes at once.
    """
    BUILD.mkdir(parents=True, exist_ok=True)
    with open(BUILD / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        command = ["make", "-s", "-C", str(CORE), f"BUILD={BUILD}", target]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return BUILD


@cache
def library() -> ctypes.CDLL:
    """The loaded core with the signatures of its functions declared."""
    lib = ctypes.CDLL(os.environ.get("KWSLIB") or str(build() / "libkws.so"))
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    signatures = {
        "kws_strerror": (ctypes.c_char_p, [ctypes.c_int]),
        "kws_frontend_sizeof": (size, []),
        "kws_frontend_open": (ctypes.c_int, [pointer, pointer, size, ctypes.POINTER(ErrorStruct)]),
        "kws_frontend_describe": (None, [pointer, pointer]),
        "kws_frontend_clip": (size, [pointer, pointer, size, pointer, pointer]),
        "kws_model_sizeof": (size, []),
        "kws_model_open": (ctypes.c_int, [pointer, pointer, size, ctypes.POINTER(ErrorStruct)]),
        "kws_model_describe": (None, [pointer, pointer]),
        "kws_model_label": (ctypes.c_char_p, [pointer, ctypes.c_uint32]),
        "kws_program_describe": (None, [pointer, ctypes.c_uint32, pointer]),
        "kws_model_run_many": (None, [pointer, pointer, size, pointer, ctypes.c_int]),
        "kws_model_run_layers": (size, [pointer, pointer, pointer]),
        "kws_model_describe_op": (None, [pointer, ctypes.c_uint32, pointer]),
        "kws_stream_new": (pointer, [pointer, ctypes.c_uint32, ctypes.c_int]),
        "kws_stream_free": (None, [pointer]),
        "kws_stream_reset": (None, [pointer]),
        "kws_stream_describe": (None, [pointer, pointer]),
        "kws_stream_guards_ok": (ctypes.c_int, [pointer]),
        "kws_stream_scores": (pointer, [pointer]),
        "kws_stream_feed": (ctypes.c_int, [pointer, pointer, size]),
        "kws_stream_feed_features": (size, [pointer, pointer, size, pointer]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    return lib


def check(code: int, error: ErrorStruct) -> None:
    """Raises KwsError for a negative status."""
    if code < 0:
        text = library().kws_strerror(code).decode()
        raise KwsError(code, error.where, (error.what or b"").decode(), text)


def aligned_copy(data: bytes, alignment: int = 16) -> np.ndarray:
    """uint8 copy of `data` at an aligned address, as a blob is on the device."""
    store = np.empty(len(data) + alignment, dtype=np.uint8)
    start = -store.ctypes.data % alignment
    store[start : start + len(data)] = np.frombuffer(data, dtype=np.uint8)
    return store[start : start + len(data)]


class Frontend:
    """A front end opened from a section (FrontendConfig.section). Threads may share one."""

    def __init__(self, section: bytes) -> None:
        lib = library()
        self._section = aligned_copy(section)  # the C struct points into it
        self._fe = ctypes.create_string_buffer(lib.kws_frontend_sizeof())
        error = ErrorStruct()
        check(lib.kws_frontend_open(self._fe, self._section.ctypes.data, len(section), ctypes.byref(error)), error)
        sizes = (ctypes.c_uint32 * 4)()
        lib.kws_frontend_describe(self._fe, sizes)
        self.window_len, self.hop_len, self.n_out, self.raw_frac_bits = (int(size) for size in sizes)

    def raw(self, pcm: np.ndarray) -> np.ndarray:
        """pcm int16 [n] -> int16 [frames, n_out] in units of 2^-raw_frac_bits, before normalisation.

        frames = 1 + (n - window_len) // hop_len, or 0 when n < window_len.
        """
        return self._clip(pcm, np.int16)

    def features(self, pcm: np.ndarray) -> np.ndarray:
        """pcm int16 [n] -> int8 [frames, n_out], what the network sees."""
        return self._clip(pcm, np.int8)

    def _clip(self, pcm: np.ndarray, dtype: type) -> np.ndarray:
        if pcm.dtype != np.int16 or pcm.ndim != 1:
            raise TypeError(f"pcm must be int16 [n], not {pcm.dtype} {list(pcm.shape)}")
        pcm = np.ascontiguousarray(pcm)
        frames = 0 if pcm.size < self.window_len else 1 + (pcm.size - self.window_len) // self.hop_len
        out = np.empty((frames, self.n_out), dtype=dtype)
        raw, features = (out.ctypes.data, None) if dtype is np.int16 else (None, out.ctypes.data)
        library().kws_frontend_clip(self._fe, pcm.ctypes.data, pcm.size, raw, features)
        return out


class Model:
    """A blob opened by the C reader. Threads may share one.

    input_shape, output_shape: (h, w, c); the batch is 1. input_quant, output_quant: (scale, zero_point).
    arena_bytes: of the window program; step_arena_bytes, step_state_bytes: of the step program, 0 where there is none.
    streaming: whether there is one. variables: whether a run depends on the runs before it.
    """

    def __init__(self, blob: bytes) -> None:
        lib = library()
        self._blob = aligned_copy(blob)  # the C struct points into it
        self._model = ctypes.create_string_buffer(lib.kws_model_sizeof())
        error = ErrorStruct()
        check(lib.kws_model_open(self._model, self._blob.ctypes.data, len(blob), ctypes.byref(error)), error)
        facts = np.empty(14, dtype=np.int32)
        lib.kws_model_describe(self._model, facts.ctypes.data)
        scales = facts.view(np.float32)
        self.input_shape, self.output_shape = (tuple(int(n) for n in facts[i : i + 3]) for i in (0, 5))
        self.input_quant, self.output_quant = ((float(scales[i + 4]), int(facts[i + 3])) for i in (0, 5))
        self.decision_hop_frames, n_labels, has_frontend, self.n_out = (int(n) for n in facts[10:])
        self.has_frontend = bool(has_frontend)
        self.classes = int(np.prod(self.output_shape))
        self.labels = [lib.kws_model_label(self._model, i).decode() for i in range(n_labels)]
        (self.arena_bytes, state_bytes, self._n_ops), (self.step_arena_bytes, self.step_state_bytes, _) = self._program(0), self._program(1)
        self.variables, self.streaming = state_bytes > 0, self.step_arena_bytes > 0

    def _program(self, kind: int) -> tuple[int, int, int]:
        """Arena bytes, state bytes and number of ops."""
        facts = np.empty(3, dtype=np.uint32)
        library().kws_program_describe(self._model, kind, facts.ctypes.data)
        arena, state, ops = (int(n) for n in facts)
        return arena, state, ops

    def run(self, features: np.ndarray) -> np.ndarray:
        """int8 [n, ...] with an input's elements behind n -> int8 scores [n, classes], also for n = 1.

        One input alone -> [classes]: an array of input_shape, or of any other shape with as many elements whose first
        dimension is no n, [frames, n_out] for example. Variables have their first values at each of the n.
        """
        return self._run(features, sequence=False)

    def run_sequence(self, features: np.ndarray) -> np.ndarray:
        """The same, the n inputs one after another in time: each sees the variables as the one before left them."""
        return self._run(features, sequence=True)

    def _run(self, features: np.ndarray, sequence: bool) -> np.ndarray:
        n, alone = self._inputs(features)
        features = np.ascontiguousarray(features)
        out = np.empty((n, self.classes), dtype=np.int8)
        library().kws_model_run_many(self._model, features.ctypes.data, n, out.ctypes.data, sequence)
        return out[0] if alone else out

    def run_layers(self, features: np.ndarray) -> list[np.ndarray]:
        """One input -> what each op of the window program writes, int8 [h, w, c], in the order of the ops."""
        if self._inputs(features)[0] != 1:
            raise ValueError("run_layers takes one input")
        lib, facts = library(), np.empty(4, dtype=np.uint32)
        out = np.empty(lib.kws_model_run_layers(self._model, None, None), dtype=np.int8)
        features = np.ascontiguousarray(features)
        lib.kws_model_run_layers(self._model, features.ctypes.data, out.ctypes.data)
        layers, at = [], 0
        for i in range(self._n_ops):
            lib.kws_model_describe_op(self._model, i, facts.ctypes.data)
            shape = tuple(int(n) for n in facts[1:])
            layers.append(out[at : at + int(np.prod(shape))].reshape(shape))
            at += layers[-1].size
        return layers

    def _inputs(self, features: np.ndarray) -> tuple[int, bool]:
        """How many there are, and whether it is one alone, without n in front."""
        size = int(np.prod(self.input_shape))
        batch = features.shape != self.input_shape and features.size > 0 and int(np.prod(features.shape[1:])) == size
        if features.dtype != np.int8 or not (batch or features.size == size):
            raise TypeError(f"features must be int8 [{size} elements] or [n, {size} elements], not {features.dtype} {list(features.shape)}")
        return (len(features), False) if batch else (1, True)


class Stream:
    """The C stream over a blob (or an opened Model) with a front end. One thread at a time.

    mode="auto" runs the step program where the model has one; "window" the whole network for each row. The
    attribute `mode` is what it became: "step" or "window". state_bytes: what is kept from row to row. total_bytes: the stream's one allocation.
    """

    def __init__(self, model: "Model | bytes", rows: int = 64, mode: str = "auto") -> None:
        self.model = model if isinstance(model, Model) else Model(model)  # the C stream points into it
        if mode not in ("auto", "window"):
            raise ValueError(f'mode is "auto" or "window", not {mode!r}')
        self._stream = library().kws_stream_new(self.model._model, rows, mode == "window")
        if not self._stream:
            raise ValueError(f"no stream of {rows} rows from this model: it has no front end, or rows is out of range")
        self.max_samples, _, steps, self.state_bytes, self.arena_bytes, self.total_bytes, _ = self._describe()
        self.mode = "step" if steps else "window"

    def _describe(self) -> list[int]:
        facts = np.empty(7, dtype=np.uint32)
        library().kws_stream_describe(self._stream, facts.ctypes.data)
        return [int(n) for n in facts]

    @property
    def frames(self) -> int:
        """Since the start or the last reset."""
        return self._describe()[6]

    @property
    def guards_ok(self) -> bool:
        """Whether the bytes around the stream's memory are untouched."""
        return bool(library().kws_stream_guards_ok(self._stream))

    def feed(self, pcm: np.ndarray) -> np.ndarray:
        """pcm int16 [n] of any length -> int8 [rows, classes], the new score rows."""
        if pcm.dtype != np.int16 or pcm.ndim != 1:
            raise TypeError(f"pcm must be int16 [n], not {pcm.dtype} {list(pcm.shape)}")
        lib, classes = library(), self.model.classes
        pcm = np.ascontiguousarray(pcm)
        pieces = []
        for start in range(0, pcm.size, self.max_samples):
            piece = pcm[start : start + self.max_samples]
            rows = lib.kws_stream_feed(self._stream, piece.ctypes.data, piece.size)
            scores = ctypes.string_at(lib.kws_stream_scores(self._stream), rows * classes)
            pieces.append(np.frombuffer(scores, dtype=np.int8).reshape(rows, classes))
        return np.concatenate(pieces) if pieces else np.empty((0, classes), dtype=np.int8)

    def feed_features(self, features: np.ndarray) -> np.ndarray:
        """int8 [frames, n_out] in place of audio -> int8 [rows, classes], the new score rows. For tests: no front end runs."""
        if features.dtype != np.int8 or features.ndim != 2 or features.shape[1] != self.model.n_out:
            raise TypeError(f"features must be int8 [frames, {self.model.n_out}], not {features.dtype} {list(features.shape)}")
        features = np.ascontiguousarray(features)
        out = np.empty((-(-len(features) // self.model.decision_hop_frames), self.model.classes), dtype=np.int8)
        rows = library().kws_stream_feed_features(self._stream, features.ctypes.data, len(features), out.ctypes.data)
        return out[:rows]

    def reset(self) -> None:
        """Forgets all audio."""
        library().kws_stream_reset(self._stream)

    def __del__(self) -> None:
        if getattr(self, "_stream", None):
            library().kws_stream_free(self._stream)
