"""The section of tables: what the generator refuses to make, and what the C reader refuses to open.

Buffers handed to C are of exactly the size they must be, so that in the sanitised build (test_frontend_sanitised.py
runs this file again there) one byte too far ends the run.
"""

import ctypes
import struct
from typing import Self

import frontend_reference as reference
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tools import kwslib
from tools.blob.frontend import FrontendConfig

SMALL = FrontendConfig(window_len=200, hop_len=100, fft_len=256, n_mels=12, n_dct=5, f_high_hz=8000.0)
GOOD = {"dct": SMALL.section(), "logmel": FrontendConfig(**{**SMALL.__dict__, "n_dct": 0}).section()}
PCM = np.random.default_rng(10).integers(-32768, 32768, 1024).astype(np.int16)

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]


class Exact:
    """Memory of exactly so many bytes from malloc, freed at the end of a with statement."""

    def __init__(self, data: bytes | int) -> None:
        self.size = data if isinstance(data, int) else len(data)
        self.address = libc.malloc(self.size)
        ctypes.memset(self.address, 0xA5, self.size)
        if not isinstance(data, int):
            ctypes.memmove(self.address, data, self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        libc.free(self.address)


def open_and_run(section: bytes) -> tuple[int, kwslib.ErrorStruct]:
    """Opens a section and, when that works, computes a frame of the worst sound. Returns the status."""
    lib = kwslib.library()
    lib.kws_frontend_scratch_bytes.restype = ctypes.c_size_t
    lib.kws_frontend_frame.argtypes = lib.kws_frontend_raw.argtypes = [ctypes.c_void_p] * 4
    error = kwslib.ErrorStruct()
    with Exact(section) as data, Exact(lib.kws_frontend_sizeof()) as fe:
        status = lib.kws_frontend_open(fe.address, data.address, len(section), ctypes.byref(error))
        if status == 0:
            sizes = (ctypes.c_uint32 * 4)()
            lib.kws_frontend_describe(fe.address, sizes)
            window_len, _, n_out, _ = sizes
            scratch_bytes = lib.kws_frontend_scratch_bytes(ctypes.c_void_p(fe.address))
            with Exact(PCM[:window_len].tobytes()) as pcm, Exact(scratch_bytes) as scratch, Exact(2 * n_out) as out:
                lib.kws_frontend_raw(fe.address, pcm.address, scratch.address, out.address)
            with Exact(np.full(window_len, -32768, "<i2").tobytes()) as pcm, Exact(scratch_bytes) as scratch, Exact(n_out) as out:
                lib.kws_frontend_frame(fe.address, pcm.address, scratch.address, out.address)
    return status, error


def patched(section: bytes, at: int, form: str, value: int) -> bytes:
    data = bytearray(section)
    struct.pack_into("<" + form, data, at, value)
    return bytes(data)


@pytest.mark.parametrize("name", reference.CONFIGS)
def test_good_sections_open(name: str) -> None:
    """When this fails, a usable configuration is refused."""
    assert open_and_run(reference.CONFIGS[name].section())[0] == 0


HEADER_FAULTS = [
    (0, "H", 2, -2, "front end version"),
    (2, "H", 60, -3, "front end header_bytes"),
    (4, "I", 999, -9, "front end sample_rate_hz"),
    (4, "I", 96001, -9, "front end sample_rate_hz"),
    (8, "H", 0, -9, "front end window_len"),
    (8, "H", 201, -9, "front end window_len"),
    (8, "H", 258, -9, "front end window_len"),
    (10, "H", 0, -9, "front end hop_len"),
    (10, "H", 201, -9, "front end hop_len"),
    (12, "H", 128, -9, "front end fft_len"),
    (12, "H", 2048, -9, "front end fft_len"),
    (14, "H", 0, -9, "front end n_mels"),
    (14, "H", 129, -9, "front end n_mels"),
    (16, "H", 13, -9, "front end n_dct"),
    (18, "H", 10, -9, "front end raw_frac_bits"),
    (18, "H", 3, -9, "front end raw_frac_bits"),
    (20, "I", 0, -9, "front end floor"),
    (20, "I", (1 << 24) + 1, -9, "front end floor"),
    (24, "I", 66, -6, "front end window"),
    (24, "I", 60, -5, "front end window"),
    (28, "I", 0xFFFF_FFFC, -5, "front end mel bands"),
    (32, "I", 1 << 20, -5, "front end mel weights"),
    (36, "I", 0xFFFF_FFFF, -9, "front end mel weight count"),
    (36, "I", 1, -8, "front end mel weight count"),
    (40, "I", 0, -5, "front end dct"),
    (44, "I", 0, -5, "front end norm"),
    (56, "I", 1 << 30, -3, "front end total_bytes"),
    (56, "I", 63, -3, "front end total_bytes"),
    (60, "I", 1, -9, "front end reserved"),
]


@pytest.mark.parametrize(("at", "form", "value", "code", "what"), HEADER_FAULTS)
def test_header_faults(at: int, form: str, value: int, code: int, what: str) -> None:
    """When this fails, a damaged model is accepted, or the message points at the wrong field."""
    status, error = open_and_run(patched(GOOD["dct"], at, form, value))
    assert (status, error.code, error.where, error.what.decode()) == (code, code, at, what)


def test_table_faults() -> None:
    """When this fails, a damaged table is accepted and reads or computes outside its bounds."""
    good = GOOD["dct"]
    window_at, bands_at, _, _, _, norm_at = struct.unpack_from("<6I", good, 24)
    for at, form, value, what in (
        (window_at + 6, "h", -32768, "front end window value"),
        (bands_at + 4, "H", 0, "front end mel band"),
        (bands_at + 6, "H", 0, "front end mel band"),
        (bands_at + 6, "H", 200, "front end mel band"),
        (norm_at + 8, "i", (1 << 30) + 1, "front end norm"),
        (norm_at + 8, "i", -(1 << 30) - 1, "front end norm"),
        (norm_at + 12, "h", -32768, "front end norm"),
        (norm_at + 14, "H", 31, "front end norm"),
    ):
        status, error = open_and_run(patched(good, at, form, value))
        assert (status, error.what.decode()) == (-9, what)
        assert at - 6 <= error.where <= at


def test_alignment_and_truncation() -> None:
    """When this fails, a truncated model is read behind its end, or an unaligned one faults on the device."""
    for good in GOOD.values():
        for length in (0, 1, 63, 64, 65, *range(66, len(good), 97), len(good) - 1):
            assert open_and_run(good[:length])[0] == -3
    with Exact(b"\0\0" + GOOD["dct"]) as data, Exact(256) as fe:
        lib = kwslib.library()
        assert lib.kws_frontend_open(fe.address, data.address + 2, len(GOOD["dct"]), None) == -6


def test_log_mel_section_has_no_dct() -> None:
    """When this fails, a section that says two things at once is accepted."""
    status, error = open_and_run(patched(GOOD["logmel"], 40, "I", 64))
    assert (status, error.what) == (-5, b"front end dct")


@settings(max_examples=1500, deadline=None)
@given(
    which=st.sampled_from(sorted(GOOD)),
    edits=st.lists(st.tuples(st.integers(0, 63) | st.integers(0, 1200), st.binary(min_size=1, max_size=4)), min_size=1, max_size=6),
    cut=st.none() | st.integers(0, 1200),
)
def test_mutations_never_crash(which: str, edits: list[tuple[int, bytes]], cut: int | None) -> None:
    """When this fails, some damaged file takes the interpreter down with it."""
    data = bytearray(GOOD[which])
    for at, values in edits:
        data[at : min(at + len(values), len(data))] = values[: max(0, len(data) - at)]
    status, error = open_and_run(bytes(data[:cut]))
    assert status <= 0
    assert status == 0 or (error.code == status and error.what)


@settings(max_examples=500, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), which=st.sampled_from(sorted(GOOD)))
def test_any_accepted_table_runs(seed: int, which: str) -> None:
    """When this fails, a file that passes every check still overflows: tables are noise at the limits of the format."""
    rng = np.random.default_rng(seed)
    data = bytearray(GOOD[which])
    window_at, _, weights_at, count, dct_at, norm_at = struct.unpack_from("<6I", data, 24)
    window_len, n_mels, n_dct = struct.unpack_from("<H", data, 8)[0], 12, 5 if which == "dct" else 0

    def extreme(n: int, low: int, high: int) -> np.ndarray:
        ends = rng.choice([low, high], n)
        return np.where(rng.random(n) < rng.random(), ends, rng.integers(low, high + 1, n))

    def put(at: int, values: np.ndarray, dtype: str) -> None:
        data[at : at + values.size * np.dtype(dtype).itemsize] = values.astype(dtype).tobytes()

    put(window_at, extreme(window_len, -32767, 32767), "<i2")
    put(weights_at, extreme(count, 0, 65535), "<u2")
    put(20, extreme(1, 1, 1 << 24), "<u4")
    if n_dct:
        put(dct_at, extreme(n_dct * n_mels, -32768, 32767), "<i2")
        put(18, rng.integers(4, 10, 1), "<u2")
    for i in range(n_dct or n_mels):
        put(norm_at + 8 * i, extreme(1, -(1 << 30), 1 << 30), "<i4")
        put(norm_at + 8 * i + 4, extreme(1, -32767, 32767), "<i2")
        put(norm_at + 8 * i + 6, rng.integers(0, 31, 1), "<u2")
    assert open_and_run(bytes(data))[0] == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sample_rate_hz", 100),
        ("fft_len", 400),
        ("window_len", 513),
        ("window_len", 481),
        ("hop_len", 0),
        ("n_mels", 129),
        ("n_dct", 41),
        ("f_low_hz", 5000.0),
        ("f_high_hz", 8001.0),
        ("floor", 0),
    ],
)
def test_generator_names_the_bad_field(field: str, value: float) -> None:
    """When this fails, a wrong configuration is found out only on the device."""
    with pytest.raises(ValueError, match=field):
        FrontendConfig(**{field: value})


def test_generator_refuses_empty_bands_and_impossible_norms() -> None:
    """When this fails, a model is trained on features that are constant or meaningless."""
    with pytest.raises(ValueError, match="holds no FFT bin"):
        FrontendConfig(window_len=256, hop_len=160, fft_len=256, n_mels=80).section()
    for mean, std, scale in ((0, 0, 1), (0, -1, 1), (np.nan, 1, 1), (0, 1, 0), (1e6, 1e-6, 1e-6)):
        with pytest.raises(ValueError, match="finite|does not fit"):
            FrontendConfig().section(mean, std, scale)


def test_python_raises_the_readers_error() -> None:
    """When this fails, tools say less than the core knows."""
    with pytest.raises(kwslib.KwsError, match="front end fft_len at byte 12") as caught:
        kwslib.Frontend(patched(GOOD["dct"], 12, "H", 300))
    assert caught.value.code == -9
