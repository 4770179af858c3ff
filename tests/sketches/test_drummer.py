"""The drummer follows a tambourine."""

import pytest
from capriccio.loader import load_sketch
from capriccio.registry import use_seed
from capriccio.testing import Memory
from helpers.devices import ROOT

BAR = 4 * 60 / 96
MODEL = ROOT / "plugins" / "capriccio_rnn" / "groove.onnx"


@pytest.mark.skipif(not MODEL.is_file(), reason="the model of the drummer is not here")
def test_he_plays_as_busily_as_it_is_shaken_and_rests_with_it(monkeypatch):
    monkeypatch.delenv("MICROPHONE", raising=False)
    use_seed(None)
    sketch, memory = load_sketch(ROOT / "sketches" / "drummer.py"), Memory()
    sketch.fps = 2.0
    sketch.perform([memory], seconds=6 * BAR)
    begun = [call.now.seconds for call in memory.calls if call.method == "note_on"]
    bars = [sum(bar * BAR <= at < (bar + 1) * BAR for at in begun) for bar in range(6)]
    # He hears a bar before he plays the next: soft, soft, loud, loud, then a rest.
    assert bars[0] == 0
    assert bars[5] < bars[4]
    assert max(bars[3], bars[4]) > bars[1] > 0
    assert {note.channel for note in memory.notes} == {10}
