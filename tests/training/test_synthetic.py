"""Synthetic speech: many voices, the same again for the same seed, and nothing silent or cut short."""
from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from training import voices
from training.clips import CLIP_LEN, RATE_HZ
from training.data import SPLITS, load
from training.folders import KEYWORDS
from training.listening import SENTENCE_COUNT, drawn_sentences
from training.sentences import SENTENCES
from training.synthetic import WORDS, unknown_sentences, unknown_words, utterances
from training.voices import SyntheticError

needs_espeak = pytest.mark.skipif(not shutil.which("espeak-ng"), reason="espeak-ng is not installed")


@pytest.fixture(autouse=True)
def espeak_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same tests wherever other synthesisers are installed, too."""
    monkeypatch.setattr(voices, "ENGINES", ("espeak-ng",))
    voices.installed.cache_clear()
    yield
    voices.installed.cache_clear()


@needs_espeak
def test_utterances_are_speech_of_many_voices(tmp_path: Path) -> None:
    """A spotter that learnt from one voice hears one voice."""
    made = utterances("good morning", 12, seed=1, cache=tmp_path)
    assert len({u.voice for u in made}) == 12 and all(u.text == "good morning" for u in made)
    assert len({u.pcm.tobytes() for u in made}) == 12
    for u in made:
        assert u.pcm.dtype == np.int16 and u.pcm.ndim == 1
        assert 0.3 * RATE_HZ < len(u.pcm) < 2 * RATE_HZ, u.voice
        assert 2000 < np.abs(u.pcm.astype(int)).max() < 17000
        assert np.abs(u.pcm[:800].astype(int)).max() > 0.003 * np.abs(u.pcm.astype(int)).max(), "silence was cut"


@needs_espeak
def test_same_seed_same_speech_with_and_without_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run could not be repeated on another machine; without the cache every run would start minutes late."""
    first = utterances("left", 4, seed=7, cache=tmp_path / "a")
    anew = utterances("left", 4, seed=7, threads=1, cache=tmp_path / "b")
    broken = next((tmp_path / "a").rglob("*.flac"))
    broken.write_bytes(broken.read_bytes()[:100])
    mended = utterances("left", 4, seed=7, cache=tmp_path / "a")
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("made again what the cache holds"))
    again = utterances("left", 4, seed=7, cache=tmp_path / "a")
    for other in (anew, mended, again):
        assert [(u.voice, u.pcm.tobytes()) for u in other] == [(u.voice, u.pcm.tobytes()) for u in first]
    assert not list(tmp_path.rglob("*.part"))


@needs_espeak
def test_another_seed_and_another_text_are_other_voices(tmp_path: Path) -> None:
    """All words in the same few voices would teach the voices."""
    drawn = [[u.voice for u in utterances(text, 3, seed, cache=tmp_path)] for text, seed in (("left", 1), ("left", 2), ("right", 1))]
    assert drawn[0] != drawn[1] and drawn[0] != drawn[2]


@needs_espeak
@pytest.mark.parametrize(("text", "reason"), [("", "no text"), ("...", "nothing but silence")])
def test_text_that_cannot_be_said_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    """Silence under a word's label would be trained on."""
    with pytest.raises(SyntheticError, match=reason):
        utterances(text, 1, 1, cache=tmp_path)


def test_without_a_synthesiser_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Training would otherwise go on without the words that were asked for."""
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SyntheticError, match="install espeak-ng or flite"):
        utterances("left", 1, 1, cache=tmp_path)
    assert "espeak-ng" in voices.missing()


def test_words_are_no_keywords() -> None:
    """A keyword taught as unknown is a keyword missed."""
    sounds_alike = {"know", "knows", "write", "rite", "of", "ought"}
    assert len(set(WORDS)) == len(WORDS) and not {*KEYWORDS, *sounds_alike} & set(WORDS)
    assert not [word for word in WORDS for keyword in KEYWORDS if word.startswith(keyword) and len(keyword) > 2]


def test_sentences_hold_no_keyword_and_none_that_is_measured_with() -> None:
    """A keyword taught as unknown is a keyword missed; what is trained on must not be what false accepts are counted on."""
    said = {word for text in SENTENCES for word in text.lower().split()}
    assert not said & {*KEYWORDS, "know", "right", "write"}
    assert len(set(SENTENCES)) == len(SENTENCES)
    for split in SPLITS:
        measured = drawn_sentences(SENTENCE_COUNT, split, 1, KEYWORDS)
        assert len(measured) == SENTENCE_COUNT and not {text.lower() for text in SENTENCES} & {text.lower() for text in measured}


@needs_espeak
def test_pieces_of_sentences_are_speech_of_a_clips_length(tmp_path: Path) -> None:
    """Silence or keywords as other words; a piece longer than a clip would lose its end."""
    made = unknown_sentences(8, 3, cache=tmp_path, without=["towel"])
    assert len(made) == 8 and all(CLIP_LEN // 2 <= len(u.pcm) <= CLIP_LEN for u in made)
    assert not any("towel" in u.text for u in made)
    assert [u.pcm.tobytes() for u in made] == [u.pcm.tobytes() for u in unknown_sentences(8, 3, cache=tmp_path, without=["towel"])]


@needs_espeak
def test_unknown_words_are_added_to_training_alone(split_folders: Callable[..., Path], tmp_path: Path,
                                                   monkeypatch: pytest.MonkeyPatch) -> None:
    """Synthetic words in a test split would flatter its figure."""
    monkeypatch.chdir(tmp_path)
    data = load(split_folders(), progress=False, synthetic=30)
    assert data.splits["train"].counts()["_unknown_"] == 12 + 30
    assert data.splits["train"].counts()["yes"] == 6 and data.splits["test"].counts()["_unknown_"] == 4
    assert set(data.splits["train"].word) - {*KEYWORDS, "cat", "bird"} <= {*WORDS, *SENTENCES}
    assert any("30 utterances" in note and "espeak-ng" in note for note in data.notes)
    again = unknown_words(30, 1)
    assert len(again) == 30 and all(len(u.pcm) <= CLIP_LEN for u in again)
