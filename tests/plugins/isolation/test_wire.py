"""What passes between a show and a worker."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from capriccio import Moment, Note, Stroke
from capriccio_isolation.wire import LENGTH, MIN_BYTES, SharedMemory, WireError, receive, send


@pytest.fixture
def memory():
    one = SharedMemory.create()
    yield one
    one.close()


@pytest.fixture
def pipe():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", 0) as source, os.fdopen(writing, "wb", 0) as target:
        yield source, target


THINGS = [
    None,
    True,
    "a green pear",
    3,
    0.25,
    ("one", "other", 0.5),
    [Note(60, 0.5, 1.0, 0.25, 2)],
    {"knobs": {"heat": 0.5}, "moment": 3},
    Moment(beats=1.5, seconds=2.0, span=8.0, meter=3, bpm=90.0),
]


@pytest.mark.parametrize("thing", THINGS, ids=str)
def test_a_thing_arrives_as_it_was_sent(memory, pipe, thing):
    source, target = pipe
    send(target, memory, {"thing": thing})
    arrived = receive(source, memory, 1.0)["thing"]
    assert arrived == thing and type(arrived) is type(thing)


def test_arrays_and_drawings_arrive(memory, pipe):
    source, target = pipe
    picture = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    stroke = Stroke(np.array([[0.0, 1.0], [0.5, 0.25]]), 0.1, (1.0, 0.5, 0.0), 0.5)
    send(target, memory, {"picture": picture[::-1], "drawing": [stroke], "path": Path("a.png")})
    arrived = receive(source, memory, 1.0)
    np.testing.assert_array_equal(arrived["picture"], picture[::-1])
    np.testing.assert_array_equal(arrived["drawing"][0].points, stroke.points)
    assert arrived["drawing"][0][1:] == stroke[1:]
    assert arrived["path"] == "a.png"


def test_memory_grows_on_both_sides(memory, pipe):
    source, target = pipe
    other = SharedMemory(memory.path)
    large = np.random.default_rng(0).integers(0, 255, MIN_BYTES + 5, np.uint8)
    send(target, other, {"large": large})
    np.testing.assert_array_equal(receive(source, memory, 1.0)["large"], large)
    other.close()
    assert not memory.path.exists()


@pytest.mark.parametrize("thing", [object(), {1, 2}, np.array(["a"]), np.zeros(2, complex)])
def test_what_cannot_be_sent_is_named(memory, pipe, thing):
    with pytest.raises(WireError, match=r"cannot be sent|expected arrays of uint8"):
        send(pipe[1], memory, {"thing": thing})


def place(**changes):
    return {"at": 0, "type": "uint8", "shape": [2, 2]} | changes


MESSAGES = [
    b"nothing",
    b"[]",
    b"{}",
    json.dumps({"message": {"a": 1, "b": 2}, "arrays": []}).encode(),
    json.dumps({"message": {"array": 7}, "arrays": []}).encode(),
    *(
        json.dumps({"message": {"array": 0}, "arrays": [one]}).encode()
        for one in (
            place(at=1 << 40),
            place(at=-5),
            place(shape=[1 << 40]),
            place(shape=[-1]),
            place(type="object"),
            place(shape="x"),
            7,
        )
    ),
]


@pytest.mark.parametrize("data", MESSAGES)
def test_what_is_no_message_is_refused(memory, pipe, data):
    source, target = pipe
    target.write(LENGTH.pack(len(data)) + data)
    with pytest.raises(WireError, match="expected"):
        receive(source, memory, 1.0)


def test_a_message_that_would_be_too_long_is_refused(memory, pipe):
    source, target = pipe
    target.write(LENGTH.pack(1 << 31))
    with pytest.raises(WireError, match="expected at most 67108864 bytes, got 2147483648"):
        receive(source, memory, 1.0)


def test_the_end_and_a_silence_are_told_apart(memory, pipe):
    source, target = pipe
    target.write(LENGTH.pack(5) + b"abc")
    with pytest.raises(TimeoutError):
        receive(source, memory, 0.01)
    target.close()
    with pytest.raises(EOFError):
        receive(source, memory)
