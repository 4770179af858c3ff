"""Events between the processes."""

from capriccio_audio.protocol import EVENT, NOTE_ON, pack


def test_events_have_one_size_and_keep_their_values():
    event = pack(12.5, NOTE_ON, 16, 127, 0.5)
    assert len(event) == EVENT.size
    assert 4096 % EVENT.size == 0  # a pipe takes so much as a whole
    assert EVENT.unpack(event) == (12.5, NOTE_ON, 16, 127, 0.5)
