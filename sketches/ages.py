"""Ages: a dream in each movement of art history in turn, painted stroke by stroke to a chorale.

From the icons of the Middle Ages to geometric abstraction, four bars each: three to paint a dream,
and one in which it turns, under the wet strokes, towards the age that follows. The hand grows freer
and the harmony bolder as the centuries pass. Dial 1 lets the brush run wilder still.

    capriccio run sketches/ages.py --seconds 185 --offline --to video:ages.mp4
"""

from capriccio import Sketch, controls, generator

AGES = (
    "medieval-icon",
    "italian-renaissance",
    "northern-renaissance",
    "mannerism",
    "baroque",
    "romanticism",
    "realism",
    "impressionism",
    "post-impressionism",
    "symbolism-art-nouveau",
    "naive-primitivism",
    "expressionism",
    "geometric-abstraction",
)
BARS = 4  # to each age, the last of them to leave it

hands = controls()
dreamer = generator("vae", model="paintings", seed=11)
painter = generator("painter", size=512, seed=11)
choir = generator("rnn", model="chorales", seed=11)
sketch = Sketch(bpm=68, meter=4, fps=20, size=(512, 512))


def age_of(now):
    """Return which age it is, and how far it has come, 0..1."""
    return int(now.beats // (BARS * now.meter)) % len(AGES), now.phase(bars=BARS)


@sketch.play(bars=2)
def chorale(now):
    """Sing plainly at first, and the bolder the later the age."""
    age, _ = age_of(now)
    return choir(now, heat=0.2 + 0.6 * age / len(AGES))


@sketch.draw
def ages(now):
    """Paint the dream of this age; when it is done let it turn towards the next."""
    age, done = age_of(now)
    painting = min(1.0, done * BARS / (BARS - 1))
    leaving = max(0.0, done * BARS - (BARS - 1))
    style = (AGES[age], AGES[(age + 1) % len(AGES)], 0.7 * leaving)
    dream = dreamer(now, style=style, drift=(age * 0.618) % 1, bloom=0.6)
    wild = max(hands.get(1, 0.0), 0.25 * age / len(AGES))
    return painter(now, target=dream, progress=painting**2, detail=0.7, wildness=wild)


sketch.run()
