"""Memory records the calls of an output and writes a score."""

from capriccio import Note
from capriccio.testing import Memory, OfflineClock, images, moments
from capriccio.testing.memory import note_name


def test_memory_writes_a_score():
    memory, clock = Memory(), OfflineClock()
    memory.note_on(Note(61, velocity=0.5, channel=16), clock.moment(beats=0, span=0))
    memory.control((7, 0.25, 1), clock.moment(beats=0.5, span=0))
    assert memory.sounding == [Note(61, velocity=0.5, channel=16)]
    memory.note_off(Note(61, velocity=0.5, channel=16), clock.moment(beats=11.25, span=0))
    assert memory.sounding == []
    assert memory.score() == (
        "    0.000  on   16  C#4   0.50\n    0.500  turn  1  7     0.25\n   11.250  off  16  C#4\n"
    )


def test_memory_keeps_images_and_notes_in_order():
    memory, (now,) = Memory(), moments(beats=1)
    for image in images():
        memory.show(image, now)
    assert all(kept is not None for kept in memory.images)
    assert [kept.shape for kept in memory.images] == [image.shape for image in images()]


def test_note_names_use_sharps():
    assert [note_name(pitch) for pitch in (0, 60, 61, 127)] == ["C-1", "C4", "C#4", "G9"]
