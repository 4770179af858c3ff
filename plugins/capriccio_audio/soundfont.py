"""Plays the notes with a soundfont, by FluidSynth, in place of the instruments that come along."""

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from capriccio import ShowError, install_command, program_of, stderr_silenced

from .instrument_samples import RATE, instrument_for
from .orchestra import add_plugin_instruments
from .synthesizer import BLOCK, DRUM_CHANNEL, PEDAL, REVERB, VOLUME, Synthesizer

Array = np.ndarray[Any, Any]

# FluidSynth starts notes at whole multiples of so many frames, 1.3 ms.
STEP = 64
# Its gain, at which a passage with FluidR3_GM has about -16 LUFS; its reverb by default.
GAIN, REVERB_LEVEL = 1.0, 0.7
# What controllers are at the settings 0.8 of a volume and 0.5 of a reverb: General MIDI's defaults.
DEFAULT_VOLUME, DEFAULT_REVERB = 100, 40
DRUMS = 128  # the bank of drum kits
# The levels of what FluidSynth logs.
LOG_LEVELS = 5


class SoundfontSynthesizer(Synthesizer):
    """Renders notes by FluidSynth; otherwise as a `Synthesizer`.

    Notes start within 0.7 ms of their time.

    Args:
        file: a soundfont, .sf2 or .sf3.
        programs: what plays each channel: a General MIDI program 1..128, None for a drum kit.
        blocks: how many blocks are rendered at once.

    Raises:
        ShowError: FluidSynth is not installed, or cannot read the file.
    """

    def __init__(self, file: str, programs: Mapping[int, int | None], blocks: int = 1):
        super().__init__(blocks=blocks)
        fluidsynth = load_fluidsynth()
        path = Path(file).expanduser()
        if not path.is_file():
            raise ShowError(f"there is no soundfont {str(file)!r}")
        self._fluid = fluid = fluidsynth.Synth(
            gain=GAIN, samplerate=float(RATE), channels=16, **{"synth.reverb.level": REVERB_LEVEL}
        )
        self._write = fluidsynth.cfunc(
            "fluid_synth_write_float",
            ctypes.c_int,
            *((name, kind, 1) for name, kind in WRITE_ARGUMENTS),
        )
        with stderr_silenced():  # one of its libraries writes there as well
            number = fluid.sfload(str(path))
        if number < 0:
            raise ShowError(f"{str(file)!r} is no soundfont that FluidSynth can read")
        for channel in range(1, 17):
            program = programs.get(channel, None if channel == DRUM_CHANNEL else 1)
            if program is None:
                fluid.program_select(channel - 1, number, DRUMS, 0)
            else:
                fluid.program_select(channel - 1, number, 0, program - 1)
            fluid.cc(channel - 1, REVERB, DEFAULT_REVERB)
        # What is to be done in the blocks that are rendered next, and at which of their frames.
        self._pending: list[tuple[int, Any, tuple[Any, ...]]] = []

    def load(self, channels: Any = ()) -> None:
        """Do nothing: a soundfont is loaded whole."""

    @property
    def sounding(self) -> int:
        return int(self._fluid.get_active_voice_count())

    # -- events -------------------------------------------------------------------------------

    def _start(self, delay: int, channel: int, pitch: int, velocity: float) -> None:
        if 0 <= velocity <= 1:
            level = max(1, round(127 * velocity))
            self._do(delay, self._fluid.noteon, channel - 1, pitch, level)

    def _release_key(self, delay: int, channel: int, pitch: int) -> None:
        self._do(delay, self._fluid.noteoff, channel - 1, pitch)

    def _silence(self, delay: int) -> None:
        self._do(delay, None)

    def _set(self, delay: int, controller: int, value: float, channel: int) -> None:
        if controller == VOLUME:
            self.channels[channel].volume = value
            self._set_volume(delay, channel)
        else:
            self._do(delay, self._fluid.cc, channel - 1, controller, round(127 * value))

    def _adjust(self, delay: int, what: str, channel: int, value: float) -> None:
        if channel == 0 and what != "reverb":
            super()._adjust(delay, what, channel, value)
        elif channel == 0:
            self._do(delay, self._fluid.set_reverb_level, min(1.0, 2 * value * REVERB_LEVEL))
        elif what == "volume":
            self.channels[channel].fader = value / 0.8
            self._set_volume(delay, channel)
        else:
            self._do(delay, self._fluid.cc, channel - 1, REVERB, round(2 * value * DEFAULT_REVERB))

    def _set_volume(self, delay: int, channel: int) -> None:
        settings = self.channels[channel]
        level = min(127, round(DEFAULT_VOLUME * settings.fader * settings.volume))
        self._do(delay, self._fluid.cc, channel - 1, VOLUME, level)

    def _do(self, delay: int, action: Any, *arguments: Any) -> None:
        self._pending.append((delay, action, arguments))

    # -- sound --------------------------------------------------------------------------------

    def _mix(self, mixed: Array) -> None:
        frames, done = mixed.shape[1], 0
        sound = np.zeros((2, frames), np.float32)
        pending, self._pending = self._pending, []
        for delay, action, arguments in pending:
            at = min(frames, max(done, STEP * round(delay / STEP)))
            self._render(sound, done, at)
            done = at
            if action is None:  # what sounds fades out in the rest of this block
                done = min(frames, BLOCK * (at // BLOCK + 1))
                self._render(sound, at, done)
                share = np.arange(1, done - at + 1, dtype=np.float32) / max(1, done - at)
                sound[:, at:done] *= 0.5 + 0.5 * np.cos(np.pi * share)
                for channel in range(16):
                    self._fluid.cc(channel, PEDAL, 0)
                    self._fluid.all_sounds_off(channel)
            else:
                action(*arguments)
        self._render(sound, done, frames)
        mixed[:2] += sound

    def _render(self, sound: Array, begin: int, end: int) -> None:
        if end > begin:
            left, right = (side.ctypes.data for side in sound)
            self._write(self._fluid.synth, end - begin, left, begin, 1, right, begin, 1)


WRITE_ARGUMENTS = (
    ("synth", ctypes.c_void_p),
    ("frames", ctypes.c_int),
    ("left", ctypes.c_void_p),
    ("left_offset", ctypes.c_int),
    ("left_step", ctypes.c_int),
    ("right", ctypes.c_void_p),
    ("right_offset", ctypes.c_int),
    ("right_step", ctypes.c_int),
)


def load_fluidsynth() -> Any:
    """Return the module `fluidsynth`, which logs nothing from now on.

    Raises:
        ShowError: it is not installed, or not the library that it loads.
    """
    try:
        import fluidsynth
    except ModuleNotFoundError:
        raise ShowError(f"soundfonts need pyfluidsynth; {install_command('soundfont')}") from None
    except (ImportError, OSError):
        raise ShowError(
            "soundfonts need the library FluidSynth; apt install libfluidsynth3, or brew install "
            "fluid-synth"
        ) from None
    # It would complain on the terminal of what is told in one sentence.
    names = (("level", ctypes.c_int), ("log", ctypes.c_void_p), ("data", ctypes.c_void_p))
    arguments = ((name, kind, 1) for name, kind in names)
    set_log = fluidsynth.cfunc("fluid_set_log_function", ctypes.c_void_p, *arguments)
    for level in range(LOG_LEVELS):
        set_log(level, None, None)
    return fluidsynth


def synthesizer_for(
    instruments: Mapping[int, str | int], soundfont: str = "", blocks: int = 1
) -> Synthesizer:
    """Return what plays these instruments: a soundfont where there is one, or those of ours.

    Raises:
        ShowError: the soundfont cannot be played.
    """
    if soundfont:
        programs = {channel: program_of(name) for channel, name in instruments.items()}
        return SoundfontSynthesizer(soundfont, programs, blocks)
    add_plugin_instruments(instruments.values())
    names = {channel: instrument_for(name) for channel, name in instruments.items()}
    return Synthesizer(names, blocks)
