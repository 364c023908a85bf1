import errno
import os
import shutil
import tempfile
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils

from fevgan_jax.data.cache import DecodedClips

CLIPS = 6
CLIP_BYTES = 24 + 4


@pytest.fixture
def decoded(monkeypatch, tmp_path):
    """The numbers of the clips that were decoded, in order."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return []


def _clips(decoded, max_bytes=2**20):
    def read(index):
        decoded.append(index)
        return {"video": np.full((2, 3, 4), index, np.uint8), "label": np.int32(-index)}

    clips = DecodedClips(read, CLIPS, max_bytes)
    decoded.clear()  # of the look at the first
    return clips


def _assert_all_are_right(clips):
    for index in range(CLIPS):
        clip = clips(index)
        np.testing.assert_array_equal(clip["video"], np.full((2, 3, 4), index, np.uint8))
        assert clip["video"].flags.writeable
        assert (clip["label"], clip["label"].dtype) == (-index, np.int32)


def test_each_clip_is_decoded_once(decoded):
    clips = _clips(decoded)
    for _ in range(3):
        _assert_all_are_right(clips)
    assert decoded == list(range(CLIPS))


def test_of_a_larger_set_the_rest_is_decoded_each_time(decoded):
    clips = _clips(decoded, max_bytes=4.9 * CLIP_BYTES)
    for _ in range(3):
        _assert_all_are_right(clips)
    assert sorted(decoded) == [0, 1, 2, 3, 4, 4, 4, 5, 5, 5]


def test_half_of_what_is_free_is_left(decoded, monkeypatch):
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: types.SimpleNamespace(free=4.5 * CLIP_BYTES)
    )
    clips = _clips(decoded)
    for _ in range(2):
        _assert_all_are_right(clips)
    assert sorted(decoded) == [0, 1, 2, 2, 3, 3, 4, 4, 5, 5]


@pytest.mark.parametrize("how", ["nothing is written", "half is written"])
def test_a_full_disk_costs_speed_alone(decoded, monkeypatch, how):
    pwrite = os.pwrite

    def full(handle, content, place):
        if len(content) == 1:
            return pwrite(handle, content, place)
        if how == "half is written":
            return pwrite(handle, content[: CLIP_BYTES // 2], place)
        raise OSError(errno.ENOSPC, "No space left on device")

    clips = _clips(decoded)
    monkeypatch.setattr(os, "pwrite", full)
    for _ in range(2):
        _assert_all_are_right(clips)
    assert len(decoded) == 2 * CLIPS


def test_nothing_of_it_has_a_name(decoded, tmp_path):
    clips = _clips(decoded)
    _assert_all_are_right(clips)
    assert not list(tmp_path.iterdir())


def test_processes_of_a_host_share_what_they_decode(decoded, monkeypatch, tmp_path):
    both_are_open = threading.Barrier(2)
    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", lambda _: np.int32(7))
    monkeypatch.setattr(multihost_utils, "sync_global_devices", lambda _: both_are_open.wait(60))
    with ThreadPoolExecutor(2) as processes:
        first, second = processes.map(lambda _: _clips(decoded), range(2))
    assert not list(tmp_path.iterdir())
    for clips in (first, second, first):
        _assert_all_are_right(clips)
    assert decoded == list(range(CLIPS))
