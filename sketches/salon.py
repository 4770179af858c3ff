"""Salon: eight pictures hang, the critic comments, you pick, and the next eight grow from that.

Press the pads of your MIDI controller: those of the notes 40 to 43 are the upper pictures, 36 to 39
the lower ones, as the pads lie. A second press takes a pick back. The panel and OSC pick as well,
with `/wall/pick1` to `/wall/pick8`. Every four bars the pictures that were picked have children;
where nobody picks, the critic does. It likes best the one with the seal.
"""

from capriccio import Sketch, analyzer, controls, generator

painter = generator("vae", model="paintings", seed=5)  # or any other that paints
LIKES = "quality"  # what the critic picks by: one of its readings, or "impressionism", say
BARS = 4
PADS = (40, 41, 42, 43, 36, 37, 38, 39)

critic = analyzer("critic")
wall = generator("wall")
choir = generator("rnn", model="chorales", seed=5)
hands = controls()
lineage = critic.lineage(painter, 8, toward=LIKES, seed=5)
sketch = Sketch(bpm=80, meter=4, fps=30, size=(1280, 720))


class Show:
    """What hangs, what hung before, and what is being painted."""

    hung, before, words, title = [], [], [], "the first eight are being hung"
    since, section, painting = 0.0, -1, None


show = Show()


@sketch.draw
def salon(now):
    """Hang what is ready, light what is picked, and paint on the next eight, a step a frame."""
    if now.beats // (BARS * now.meter) != show.section and show.painting is None:
        show.section = now.beats // (BARS * now.meter)
        show.chosen = "you" if wall.picked else "the critic"
        show.painting = lineage.growing(now, picks=wall.picked)
    if show.painting and next(show.painting, "done") == "done":
        hang(now)
    lights = {f"pick{place + 1}": light for place, light in enumerate(lamps(now))}
    return wall(now, pictures=show.hung, before=show.before, words=show.words, title=show.title,
                favourite=lineage.favourites[0] if show.hung else None,
                turn=(now.beats - show.since) / now.meter, **lights)  # fmt: skip


def hang(now):
    """Hang the new generation, with what the critic has to say of each."""
    choices = lineage.pictures
    read = [choice.readings for choice in choices]
    show.before, show.hung = show.hung, [choice.image for choice in choices]
    show.words = [
        f"{one.movement}, {one.certainty:.0%}\n{remark}"
        for one, remark in zip(read, critic.remarks(read), strict=True)
    ]
    show.title = "the first eight: which of them shall have children?"
    if lineage.generation:
        show.title = f"generation {lineage.generation + 1}, grown from what {show.chosen} picked"
    show.since, show.painting = now.beats, None


def lamps(now):
    """Return how bright each lamp is: on where its picture is picked, and while its pad is down."""
    pressed = [note.pitch for note in hands.played(now, beats=now.beats - show.since)]
    picked = [pressed.count(pad) % 2 > 0 for pad in PADS]
    if not any(picked) and show.hung:  # the critic makes up its mind as the time runs out
        left = 1 - now.phase(bars=BARS)
        shy = 0.45 * max(0.0, 1 - left * BARS)
        return [shy if place in lineage.favourites else 0.0 for place in range(8)]
    glow = 0.8 + 0.2 * sketch.loudness
    return [max(glow * on, hands.key(pad) / 3) for on, pad in zip(picked, PADS, strict=True)]


@sketch.play(bars=2)
def quartet(now):
    """Sing the bolder the less the pictures look like any that the critic knows."""
    strange = [choice.readings.novelty for choice in lineage.pictures] or [0.3]
    return choir(now, heat=sum(strange) / len(strange), key="g minor")


sketch.run()
