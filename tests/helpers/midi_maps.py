"""MIDI maps as a person would write them."""

DEVICE = "nano:nano"


def map_file(home, text, name="nano.toml"):
    file = home / "maps" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def control(turns, move, **more):
    entries = {"turns": turns, "move": move, **more}
    return "[[control]]\n" + "".join(f"{key} = {value!r}\n" for key, value in entries.items())
