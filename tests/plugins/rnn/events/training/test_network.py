"""Tests of the network of events."""

import pytest
from capriccio_rnn.events.midi_import import read_folder, sound_vocabulary
from helpers.music import tune, write_midi


def test_no_event_is_predicted_from_itself_or_what_follows(tmp_path):
    torch = pytest.importorskip("torch")
    from capriccio_rnn.events.training import main as script

    write_midi(tmp_path / "a.mid", tune(1))
    pieces = read_folder(tmp_path)
    sounds = sound_vocabulary(pieces)
    net = script.EventNetwork(len(sounds), 0, 5).eval()
    one = script.training_piece(pieces[0], sounds, [], 5)
    changed = one.event.clone()
    changed[20, 2] += 1

    def nats_of(event):
        inputs = (one.inputs, one.mood, one.position, event)
        return script.losses(net, *(tensor[None] for tensor in inputs))[0][0]

    with torch.no_grad():
        nats, other = nats_of(one.event), nats_of(changed)

    assert torch.equal(nats[:20], other[:20])  # a token affects only what comes later
    assert torch.equal(nats[20, :2], other[20, :2]) and not torch.equal(nats[20, 3], other[20, 3])
