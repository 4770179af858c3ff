"""The paths of outputs that write files, and what is said when they cannot be written."""

import pytest
from capriccio import ShowError
from capriccio.devices.file_targets import make_folder, target_path, writing
from capriccio.devices.midi.file import MidiFile
from capriccio.devices.video.film import Video
from capriccio.devices.video.frames import Frames
from capriccio.testing import check_output
from helpers.output_shows import performance


@pytest.mark.parametrize(
    ("made", "target"), [(Frames, "a/frames"), (Video, "a/b.mp4"), (MidiFile, "a/b.mid")]
)
def test_a_file_output_keeps_the_contract_and_makes_its_folders(made, target, tmp_path):
    check_output(made, str(tmp_path / target))
    assert (tmp_path / target).exists()


@pytest.mark.parametrize("made", [Frames, Video, MidiFile])
def test_an_output_without_a_path_says_what_to_write(made):
    with pytest.raises(ShowError, match=f"output '{made.name}' needs a path; write {made.name}:"):
        made("")


@pytest.mark.parametrize(
    ("made", "name"), [(Frames, "frames"), (Video, "film.mp4"), (MidiFile, "song.mid")]
)
def test_a_path_that_cannot_be_written_is_reported_before_the_show(made, name, tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(ShowError, match=r"cannot write .*: Not a directory; make room or choose"):
        made(str(tmp_path / "file" / name)).start(performance())


@pytest.mark.parametrize(
    ("made", "target", "words"),
    [
        (Video, "a.gif", "output 'video' writes .mp4, .m4v, .mov files, got 'a.gif'"),
        (Video, "b/a.webm", "output 'video' writes .mp4, .m4v, .mov files, got 'a.webm'"),
        (Video, "film", "output 'video' writes .mp4, .m4v, .mov files, got 'film'"),
        (MidiFile, "x.wav", "output 'midifile' writes .mid, .midi files, got 'x.wav'"),
    ],
)
def test_an_ending_that_cannot_be_written_is_refused_with_those_that_can(made, target, words):
    with pytest.raises(ShowError, match=words):
        made(target)


@pytest.mark.parametrize("name", ["a.mp4", "A.MP4", "a.mov"])
def test_endings_are_known_in_upper_and_lower_case(name):
    assert target_path(name, "it", "it:FILE", (".mp4", ".mov")).name == name


def test_the_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert target_path("~/frames", "it", "it:DIR") == tmp_path / "frames"


def test_folders_are_made_with_those_above_them(tmp_path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()


def test_only_errors_of_the_system_are_put_into_one_sentence(tmp_path):
    with (
        pytest.raises(ShowError, match=r"it cannot write '.*x': Is a directory"),
        writing(tmp_path / "x", "it"),
    ):
        tmp_path.open("w")
    with pytest.raises(ValueError, match="another"), writing(tmp_path, "it"):
        raise ValueError("another")
