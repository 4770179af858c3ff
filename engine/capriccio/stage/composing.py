"""Asks a play cue for its next phrase, and has the phrase played."""

from ..clock import Moment
from ..errors import ShowError, tell
from ..media import Note, as_phrase
from .cue import PlayCue

# More notes than any piece has waiting; a cue that exceeds them would fill the memory.
MOST_NOTES = 100_000


def compose(stage, cue: PlayCue) -> None:
    """Call a play cue for its next turn, and have its phrase played."""
    clock = stage.clock
    called = clock.seconds()
    if stage._started:
        whole = cue.bars * clock.meter
        passed = int(clock.beats_at(called) / whole) - cue.calls
        if passed > 0:
            tell(f"{cue.name} missed {passed} of its turns", f"{cue.name} missed")
            cue.calls += passed
    turn, span = cue.turn(clock.meter), cue.span(clock.meter)
    now = clock.moment(beats=turn, span=span)
    cue.calls += 1
    cue.busy = True

    def written():
        phrase = cue.function(now)
        return add(stage, as_phrase([] if phrase is None else phrase, cue.name), now, cue)

    call = stage._stagehand.call(cue.name, "it rests")
    added = stage._try(call, written, home=cue.function)
    seconds, notes = added or (clock.seconds(), None)
    facts = (cue.number, now.beats, now.span, called, notes)
    stage.performance.desk.announce(seconds, "phrase", facts)
    cue.busy = False


def add(
    stage, phrase: list[Note], now: Moment, cue: PlayCue
) -> tuple[float, list[tuple[Note, float]]]:
    """Have a phrase played; give the seconds at which that was, and what will sound when."""
    if len(stage._ear) + len(phrase) > MOST_NOTES:
        raise ShowError(f"{cue.name} has more than {MOST_NOTES} notes waiting; write fewer")
    earliest = now.beats
    if stage._started:
        earliest = stage.clock.beats_at(stage.clock.seconds() - cue.late)
    starts = [(note, now.beats + note.start) for note in phrase]
    notes = [(note, start) for note, start in starts if start >= earliest]
    if late := len(starts) - len(notes):
        tell(f"{cue.name} came too late for {late} of its notes", f"{cue.name} late")
    with stage.composing:
        return sound(stage, [one for one in notes if one[1] < cue.until])


def sound(stage, notes: list[tuple[Note, float]]) -> tuple[float, list[tuple[Note, float]]]:
    """Give every output what sounds at which beats; give the seconds from which it does, and it."""
    return stage._ear.compose(notes, stage.clock, stage._lanes), notes
