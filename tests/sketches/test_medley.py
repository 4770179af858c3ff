"""The medley of `capriccio demo`: five pieces of twelve seconds, each with its own picture."""

from itertools import combinations

import pytest
from capriccio.loader import load_sketch
from capriccio.testing import Memory
from helpers.devices import ROOT

CHANNELS = [{1, 2, 3, 4, 10}, {5, 6}, {7}, {8, 9}, {11, 12, 13, 14}]


@pytest.mark.slow
def test_each_piece_is_seen_and_heard_for_twelve_seconds():
    sketch = load_sketch(ROOT / "sketches" / "medley.py")
    sketch.fps, memory = 0.25, Memory()
    sketch.perform([memory], seconds=60)
    assert len(memory.images) == 15  # at 0, 4 and 8 s of each piece
    assert not any(memory.images[first].any() for first in range(0, 15, 3))  # out of the dark
    shown = [memory.images[middle].astype(int) for middle in range(1, 15, 3)]
    assert min(abs(one - other).mean() for one, other in combinations(shown, 2)) > 5
    heard = [set() for _ in CHANNELS]
    for method, note, now in memory.calls:
        if method == "note_on":
            heard[int(now.beats // 16)].add(note.channel)
        elif method == "note_off" and note.channel != 10:
            assert note.channel in CHANNELS[int((now.beats - 0.001) // 16)]  # none sounds on
    assert heard == CHANNELS
