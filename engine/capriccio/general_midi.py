"""The instruments of General MIDI, by name and by number."""

from .errors import suggest

# Programs 1 to 128, as printed on instruments.
PROGRAMS = """
Acoustic Grand Piano, Bright Acoustic Piano, Electric Grand Piano, Honky-tonk Piano,
Electric Piano 1, Electric Piano 2, Harpsichord, Clavinet, Celesta, Glockenspiel, Music Box,
Vibraphone, Marimba, Xylophone, Tubular Bells, Dulcimer, Drawbar Organ, Percussive Organ,
Rock Organ, Church Organ, Reed Organ, Accordion, Harmonica, Tango Accordion,
Acoustic Guitar (nylon), Acoustic Guitar (steel), Electric Guitar (jazz), Electric Guitar (clean),
Electric Guitar (muted), Overdriven Guitar, Distortion Guitar, Guitar Harmonics, Acoustic Bass,
Electric Bass (finger), Electric Bass (pick), Fretless Bass, Slap Bass 1, Slap Bass 2,
Synth Bass 1, Synth Bass 2, Violin, Viola, Cello, Contrabass, Tremolo Strings, Pizzicato Strings,
Orchestral Harp, Timpani, String Ensemble 1, String Ensemble 2, Synth Strings 1, Synth Strings 2,
Choir Aahs, Voice Oohs, Synth Voice, Orchestra Hit, Trumpet, Trombone, Tuba, Muted Trumpet,
French Horn, Brass Section, Synth Brass 1, Synth Brass 2, Soprano Sax, Alto Sax, Tenor Sax,
Baritone Sax, Oboe, English Horn, Bassoon, Clarinet, Piccolo, Flute, Recorder, Pan Flute,
Blown Bottle, Shakuhachi, Whistle, Ocarina, Lead 1 (square), Lead 2 (sawtooth), Lead 3 (calliope),
Lead 4 (chiff), Lead 5 (charang), Lead 6 (voice), Lead 7 (fifths), Lead 8 (bass + lead),
Pad 1 (new age), Pad 2 (warm), Pad 3 (polysynth), Pad 4 (choir), Pad 5 (bowed), Pad 6 (metallic),
Pad 7 (halo), Pad 8 (sweep), FX 1 (rain), FX 2 (soundtrack), FX 3 (crystal), FX 4 (atmosphere),
FX 5 (brightness), FX 6 (goblins), FX 7 (echoes), FX 8 (sci-fi), Sitar, Banjo, Shamisen, Koto,
Kalimba, Bagpipe, Fiddle, Shanai, Tinkle Bell, Agogo, Steel Drums, Woodblock, Taiko Drum,
Melodic Tom, Synth Drum, Reverse Cymbal, Guitar Fret Noise, Breath Noise, Seashore, Bird Tweet,
Telephone Ring, Helicopter, Applause, Gunshot
""".replace("\n", " ").split(",")
NUMBERS = {name.strip().lower(): number for number, name in enumerate(PROGRAMS, 1)}
# What the output `audio` plays, and the program that is nearest to it; a kit has none.
SHORT_NAMES = {
    "piano": 1, "electric piano": 5, "bells": 15, "organ": 20, "guitar": 25, "bass": 34,
    "strings": 49, "choir": 53,
}  # fmt: skip
KIT = "kit"


def program_of(instrument: str | int) -> int | None:
    """Return the number, 1..128, of an instrument: its short name, General MIDI name or number.

    A "kit" of drums has none. Case does not matter.

    Raises:
        ValueError: there is no such instrument.
    """
    if isinstance(instrument, int) and 1 <= instrument <= 128:
        return instrument
    name = str(instrument).lower()
    if name == KIT:
        return None
    number = SHORT_NAMES.get(name) or NUMBERS.get(name)
    if number is None:
        known = [*SHORT_NAMES, KIT, *NUMBERS]
        raise ValueError(
            f"no instrument is called {instrument!r}{suggest(name, known)}; give "
            f"{', '.join(SHORT_NAMES)}, {KIT}, a General MIDI name or its number 1..128"
        )
    return number


def check_instruments(instruments: object) -> dict[int, str | int]:
    """Return instruments by channel, 1..16: short names as they are, all others as numbers.

    Raises:
        TypeError, ValueError: it is no dict, or a channel or an instrument does not exist.
    """
    if not isinstance(instruments, dict):
        raise TypeError(f"instruments are a dict such as {{1: 'choir'}}, got {instruments!r}")
    found: dict[int, str | int] = {}
    for channel, instrument in instruments.items():
        if channel not in range(1, 17):
            raise ValueError(f"an instrument needs a channel 1..16, got {channel!r}")
        number, name = program_of(instrument), str(instrument).lower()
        found[channel] = name if number is None or name in SHORT_NAMES else number
    return found
