"""The acceptance bars of listening, on a shortened track; `make bench-live` measures the whole one."""

import pytest

from tools.bench_live.__main__ import bench, failures
from tools.bench_live.host import HostModel, decide, detect, make_detector
from tools.bench_live.track import from_recordings


@pytest.mark.needs_shared
@pytest.mark.xdist_group("bench_live")
def test_short_track_reaches_the_bars(firmware_elf, romfs_image, shared_dir, repo_root):
    """At least 75 % hits, at most 2 false accepts a minute, no sample lost; and the board hears what the host computes.

    If the board's events differed from the host's, thresholds tuned on the host would be wrong on the board.
    """
    track = from_recordings(shared_dir / "data" / "speech", "test", 30, 15, 1)
    result, scorer, notes = bench(track, firmware_elf, romfs_image, progress=False)
    assert notes == [] and failures(result) == []
    model = HostModel((repo_root / "py_app" / "models" / "dscnn.kws").read_bytes())
    on_host = list(detect(make_detector(model), decide(model, track.pcm)))
    on_board = sorted([*scorer.score.hits.values(), *scorer.score.false_accepts], key=lambda event: event[2])
    same = sum(1 for a in on_board if any(a[0] == b[0] and abs(a[2] - b[2]) <= 0.09 for b in on_host))
    assert same >= 0.9 * len(on_host) and len(on_board) <= len(on_host) + 2
