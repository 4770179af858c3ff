"""Plays notes with samples, block by block: every sound that `audio` makes comes from here."""

import heapq
import math
from collections.abc import Iterable
from itertools import count
from typing import Any

import numpy as np

from .instrument_samples import (
    DRUM_PANS,
    INSTRUMENTS,
    NEAREST_DRUMS,
    RATE,
    Instrument,
    Sample,
    samples_of,
)
from .limiter import STEP, Limiter
from .resampling import WholeNote, cubic, whole_note
from .reverb import Reverb

Array = np.ndarray[Any, Any]

# Frames within which nothing but the start of a note changes: 5.3 ms.
BLOCK = 256
# Blocks of voices that are computed at once: as much as stays in a processor's cache.
ROWS = 256
# Whole notes are out of tune by one of these shares of an instrument's vibrato, and do not sway.
DETUNED = (-0.7, 0.7)
# Blocks after which the vibrato is computed anew: its waves last a second and more.
SWAY = 4
# How many samples sound at once; two make a note of a choir. Those that are beyond it, or stopped
# by a panic, fade within one block in the places behind.
VOICES, FADING = 128, 64
# Notes that start within one block, at most: more would take longer than the block lasts.
MAX_STARTS = 32
# Below this level, -80 dB, a released voice ends.
INAUDIBLE = 1e-4
# Controllers: volume, pan, expression, sustain pedal, reverb; end all sound, end all notes.
VOLUME, PAN, EXPRESSION, PEDAL, REVERB, SOUND_OFF, NOTES_OFF = 7, 10, 11, 64, 91, 120, 123
# What the sum of an ordinary passage is multiplied by, for a loudness of -16 LUFS.
LEVEL = 0.62
DRUM_CHANNEL = 10


class Channel:
    """What is set for one MIDI channel."""

    def __init__(self, number: int):
        self.instrument: Instrument = INSTRUMENTS["kit" if number == DRUM_CHANNEL else "piano"]
        self.fader = self.volume = self.expression = 1.0  # as amplitudes
        self.pan = 0.0  # -1..1
        self.reverb = 0.5  # 0..1; at 0.5 as the instrument has it
        self.pedal = False


class Synthesizer:
    """Renders notes into stereo sound at 48 kHz; the same calls give the same samples.

    Times are frames since the start. Events in the past count as due now; what lies ahead is
    exact to the frame. The sound is late by `LATENCY` frames.

    Args:
        instruments: what plays each channel.
        blocks: how many blocks are rendered at once; many cost less, but what comes meanwhile
            waits for them.
    """

    LATENCY = STEP

    def __init__(self, instruments: dict[int, str] | None = None, blocks: int = 1):
        self.frame = 0  # of the next block
        self.channels = {number: Channel(number) for number in range(1, 17)}
        self.volume, self.room, self.muted = 1.0, 1.0, False
        for channel, name in (instruments or {}).items():
            self.set_instrument(channel, name)
        self._events: list[tuple[int, int, Any, tuple[Any, ...]]] = []
        self._order = count()
        self._blocks, self.frames = blocks, blocks * BLOCK  # of what is rendered at once
        self._limiter, self._reverb = Limiter(), Reverb(RATE, self.frames)
        self._master = 1.0  # as it was at the end of the last block
        self._random = np.random.default_rng(1)
        self._steps = np.arange(BLOCK, dtype=float)
        self._ramp = (self._steps / BLOCK).astype(np.float32)
        # Samples of all loaded instruments, one after the other.
        self._sound = np.zeros(16, np.float32)
        self._offsets: dict[str, int] = {}
        self._ages = count()
        # One entry a voice.
        places = VOICES + FADING
        self._active = np.zeros(places, bool)
        # A row for each number of a voice: those of all that sound are taken at once.
        self._state = np.zeros((8, places))
        (
            self._position,  # in the samples, of the next frame
            self._step,  # from frame to frame: the rate as it sways
            self._delay,  # frames until it starts
            self._end,
            self._loop,  # frames by which it goes back; 0 where it does not
            self._level,  # of the envelope, at the end of the last block
            self._target,
            self._fall,  # of the envelope of a released voice, a block
        ) = self._state
        self._fall[:] = 1.0
        self._rate = np.zeros(places)
        # Vibrato: its depth, phase, and speed.
        self._sway, self._phase, self._speed = np.zeros((3, places))
        self._gains = np.zeros((places, 3), np.float32)  # left, right, and into the room
        self._pans = np.zeros(places)  # of the voice itself
        self._age = np.zeros(places, np.int64)
        self._held = np.zeros(places, bool)
        self._sustained = np.zeros(places, bool)  # by the pedal
        self._key = np.zeros((places, 2), np.int64)  # channel and pitch
        # The notes of voices that play whole ones.
        self._whole: list[WholeNote | None] = [None] * places
        # The held voices of each key, and the places that are free.
        self._keys: dict[tuple[int, int], list[int]] = {}
        self._free = list(range(VOICES - 1, -1, -1))
        self._notes = self._starts = 0

    # -- what is to be played -----------------------------------------------------------------

    def set_instrument(self, channel: int, name: str) -> None:
        """Play a channel with an instrument."""
        self.channels[channel].instrument = INSTRUMENTS[name]

    def load(self, channels: Iterable[int] = range(1, 17)) -> None:
        """Decode the samples of what plays these channels before they are needed."""
        for channel in channels:
            self._offset_of(self.channels[channel].instrument.name)

    def note_on(self, frame: int, channel: int, pitch: int, velocity: float) -> None:
        """Start a note at a frame."""
        self._schedule(frame, self._start, channel, pitch, velocity)

    def note_off(self, frame: int, channel: int, pitch: int) -> None:
        """Release a note at a frame."""
        self._schedule(frame, self._release_key, channel, pitch)

    def control(self, frame: int, controller: int, value: float, channel: int) -> None:
        """Set a controller, 0..1, at a frame."""
        self._schedule(frame, self._set, controller, value, channel)

    def set(self, frame: int, what: str, channel: int, value: float) -> None:
        """Set the "volume", the "reverb" or "mute" of a channel, or of all where it is 0.

        A volume of 0.8 and a reverb of 0.5 change nothing.
        """
        self._schedule(frame, self._adjust, what, channel, value)

    def panic(self, frame: int = 0) -> None:
        """Forget what is to come, and fade out what sounds at a frame, or now, within one block."""
        self._events = [event for event in self._events if event[0] < frame]
        heapq.heapify(self._events)
        self._schedule(frame, self._silence)

    @property
    def sounding(self) -> int:
        """How many voices sound."""
        return int(self._active.sum())

    def _schedule(self, frame: int, action: Any, *arguments: Any) -> None:
        heapq.heappush(self._events, (frame, next(self._order), action, arguments))

    # -- events -------------------------------------------------------------------------------

    def _silence(self, delay: int) -> None:
        self._target[self._active] = 0.0
        self._held[:] = self._sustained[:] = False
        self._fall[:] = 0.0
        self._keys.clear()
        for channel in self.channels.values():
            channel.pedal = False

    def _start(self, delay: int, channel: int, pitch: int, velocity: float) -> None:
        self._starts += 1
        if self._starts > MAX_STARTS or not 0 <= velocity <= 1:
            return
        settings = self.channels[channel]
        instrument = settings.instrument
        samples = samples_of(instrument.name)
        self._notes += 1
        if instrument.percussion:
            for group in instrument.chokes:
                if pitch in group:
                    for other in group:
                        self._stop(channel, other, 0.04)
            drum = NEAREST_DRUMS.get(pitch, pitch)
            loud = 2 if velocity > 0.55 else 0
            layers = [(loud + self._notes % 2, DRUM_PANS.get(drum, 0.2))]
            play = drum
        else:
            self._release_key(0, channel, pitch)
            play = pitch
            if instrument.together:
                side = instrument.spread * (1 if pitch % 2 else -1)
                layers = [(number, side * (1 - 2 * number)) for number in range(samples.layers)]
            else:
                layer = min(samples.layers - 1, int(velocity * samples.layers / 1.1))
                layers = [(layer, instrument.spread * (pitch - 64) / 44)]
        for layer, pan in layers:
            sample = samples.find(play, layer)
            self._start_voice(delay, settings, (channel, pitch), sample, velocity, pan)

    def _start_voice(
        self,
        delay: int,
        settings: Channel,
        key: tuple[int, int],
        sample: Sample,
        velocity: float,
        pan: float,
    ) -> None:
        instrument = settings.instrument
        place = self._free_place()
        offset = self._offset_of(instrument.name)
        drum = instrument.percussion
        self._active[place] = True
        rate = 1.0 if drum else 2.0 ** ((key[1] - sample.pitch) / 12)
        self._whole[place] = None
        self._position[place] = offset + sample.start
        if self._blocks > 1:  # there is time to compute it whole, once for many
            rate *= 1 + instrument.vibrato * float(self._random.choice(DETUNED))
            self._whole[place], self._position[place] = (
                whole_note(instrument.name, sample, rate),
                0.0,
            )
        self._rate[place] = rate
        self._delay[place] = delay
        self._end[place] = offset + sample.end
        self._loop[place] = sample.loop[1] - sample.loop[0] if sample.loop else 0
        level = sample.gain * instrument.level * max(velocity, 1 / 127) ** instrument.dynamics
        self._level[place] = self._target[place] = level * LEVEL
        self._fall[place] = 1.0
        self._place_gains(place, settings, pan)
        depth = instrument.vibrato
        self._sway[place] = depth * self._random.uniform(0.5, 1.5)
        self._phase[place] = 2 * math.pi * self._random.random()
        self._speed[place] = 2 * math.pi * self._random.uniform(0.3, 1.1) * BLOCK / RATE
        self._step[place] = rate * (1 + self._sway[place] * math.sin(self._phase[place]))
        self._age[place] = next(self._ages)
        self._held[place], self._sustained[place] = not drum, False
        self._key[place] = key
        if not drum:
            self._keys.setdefault(key, []).append(place)

    def _place_gains(self, place: int, settings: Channel, pan: float) -> None:
        # Equal power: a quarter turn from left to right.
        angle = (min(max(pan + settings.pan, -1.0), 1.0) + 1) * math.pi / 4
        level = settings.fader * settings.volume * settings.expression
        left, right = level * math.sqrt(2) * math.cos(angle), level * math.sqrt(2) * math.sin(angle)
        sent = min(1.0, 2 * settings.reverb * settings.instrument.reverb)
        self._pans[place] = pan
        self._gains[place] = left, right, sent * (left + right) / 2

    def _free_place(self) -> int:
        if self._free:
            return self._free.pop()
        # The quietest that is released, or else the oldest, fades out elsewhere.
        held = self._held[:VOICES]
        if held.all():
            place = int(np.argmin(self._age[:VOICES]))
        else:
            place = int(np.argmin(np.where(held, np.inf, self._level[:VOICES])))
        key = int(self._key[place, 0]), int(self._key[place, 1])
        if self._held[place]:
            self._keys[key].remove(place)
        spare = np.flatnonzero(~self._active[VOICES:])
        if len(spare):
            self._move(place, VOICES + int(spare[0]))
        return place

    def _move(self, place: int, other: int) -> None:
        self._state[:, other] = self._state[:, place]
        for values in (
            self._gains, self._pans, self._age, self._key,
            self._rate, self._sway, self._phase, self._speed,
        ):  # fmt: skip
            values[other] = values[place]
        self._whole[other] = self._whole[place]
        self._active[other] = True
        self._held[other] = self._sustained[other] = False
        self._target[other] = self._fall[other] = 0.0

    def _release_key(self, delay: int, channel: int, pitch: int) -> None:
        settings = self.channels[channel]
        for place in self._keys.pop((channel, pitch), ()):
            if settings.pedal:
                self._held[place], self._sustained[place] = False, True
            else:
                self._release(place, settings.instrument.release)

    def _release(self, place: int, seconds: float) -> None:
        if self._held[place]:
            places = self._keys.get((int(self._key[place, 0]), int(self._key[place, 1])), [])
            if place in places:
                places.remove(place)
        self._held[place] = self._sustained[place] = False
        if seconds:
            self._fall[place] = 10 ** (-3 * BLOCK / RATE / seconds)

    def _stop(self, channel: int, pitch: int, seconds: float) -> None:
        for place in np.flatnonzero(self._active):
            if tuple(self._key[place]) == (channel, pitch):
                self._release(int(place), seconds)

    def _set(self, delay: int, controller: int, value: float, channel: int) -> None:
        settings = self.channels[channel]
        if controller == VOLUME:
            settings.volume = value
        elif controller == EXPRESSION:
            settings.expression = value
        elif controller == PAN:
            settings.pan = 2 * value - 1
        elif controller == REVERB:
            settings.reverb = value
        elif controller == PEDAL:
            settings.pedal = value >= 0.5
            if not settings.pedal:
                for place in np.flatnonzero(self._active & self._sustained):
                    if self._key[place, 0] == channel:
                        self._release(int(place), settings.instrument.release)
        elif controller in (SOUND_OFF, NOTES_OFF):
            for place in np.flatnonzero(self._active & (self._key[:, 0] == channel)):
                self._release(int(place), 0.02 if controller == SOUND_OFF else 0.1)
        if controller in (VOLUME, EXPRESSION, PAN, REVERB):
            self._place_all(channel)

    def _place_all(self, channel: int) -> None:
        for place in np.flatnonzero(self._active & (self._key[:, 0] == channel)):
            self._place_gains(int(place), self.channels[channel], float(self._pans[place]))

    def _adjust(self, delay: int, what: str, channel: int, value: float) -> None:
        if channel == 0:
            if what == "mute":
                self.muted = bool(value)
            elif what == "volume":
                self.volume = (value / 0.8) ** 2
            else:
                self.room = 2 * value
            return
        settings = self.channels[channel]
        if what == "volume":
            settings.fader = (value / 0.8) ** 2
        elif what == "reverb":
            settings.reverb = value
        self._place_all(channel)

    # -- sound --------------------------------------------------------------------------------

    def render(self) -> Array:
        """Return what follows, `(2, frames)` float32, never above the limiter's ceiling."""
        mixed = np.zeros((3, self.frames), np.float32)
        master: Array | None = None  # the curve of the volume, where it is not 1
        done = 0
        while done < self._blocks:
            while self._events and self._events[0][0] < self.frame + BLOCK:
                frame, _, action, arguments = heapq.heappop(self._events)
                action(max(0, frame - self.frame), *arguments)
            self._starts = 0
            if self._blocks == 1 and self.frame % (SWAY * BLOCK) == 0:
                np.sin(self._phase, out=self._step)
                self._step *= self._sway
                self._step += 1.0
                self._step *= self._rate
                self._phase += SWAY * self._speed
            # Until the block of the next event nothing changes by itself.
            many = self._blocks - done
            if self._events:
                many = min(many, (self._events[0][0] - self.frame) // BLOCK)
            begin, end = done * BLOCK, (done + many) * BLOCK
            self._mix(mixed[:, begin:end])
            if self.room != 1.0:
                mixed[2, begin:end] *= self.room
            wanted = 0.0 if self.muted else self.volume
            if wanted != 1.0 or self._master != 1.0:
                master = np.ones(self.frames, np.float32) if master is None else master
                ramp = self._master + (wanted - self._master) * self._ramp
                master[begin : begin + BLOCK], master[begin + BLOCK : end] = ramp, wanted
                self._master = wanted
            self.frame += many * BLOCK
            done += many
        dry = mixed[:2]
        wet = self._reverb.add(mixed[2])
        if wet is not None:
            dry += wet
        if master is not None:
            dry *= master
        return self._limiter.limit(dry)

    def _mix(self, mixed: Array) -> None:
        """Add all voices to whole blocks: left, right, and what is sent into the room."""
        on, blocks = np.flatnonzero(self._active), mixed.shape[1] // BLOCK
        many = max(1, ROWS // blocks)
        for first in range(0, len(on), many):
            places = on[first : first + many]
            gains = self._gains[places].T
            wave = self._voices(places, blocks)
            added = gains @ wave
            if not math.isfinite(float(added[:2].sum())):  # a broken voice ends, the others go on
                whole = np.isfinite(wave).all(axis=1)
                self._end_voices(places[~whole & self._active[places]])
                added = gains[:, whole] @ wave[whole]
            mixed += added

    def _voices(self, on: Array, blocks: int) -> Array:
        """Return the next blocks of these voices, `(voices, frames)`; they go on behind them."""
        state = self._state[:, on]
        if self._whole[on[0]] is not None:
            wave, ended = self._slices(on, blocks * BLOCK)
        else:
            share, index, ended = self._positions(state)
            wave = cubic(self._sound, index, share)
            self._state[:, on] = state
        level, target, fall = state[-3:]
        if (level == target).all() and (fall == 1.0).all():
            wave *= level.astype(np.float32)[:, None]
            return self._ended(on, ended, wave)
        falls = fall[:, None] ** np.arange(1, blocks + 1)
        ends = np.concatenate([level[:, None], target[:, None] * falls], 1).astype(np.float32)
        wave = wave.reshape(len(on), blocks, BLOCK)
        wave *= ends[:, :-1, None] + (ends[:, 1:] - ends[:, :-1])[:, :, None] * self._ramp
        self._target[on] = self._level[on] = ends[:, -1]
        ended |= ends[:, -1] < INAUDIBLE * 0.1
        return self._ended(on, ended, wave.reshape(len(on), blocks * BLOCK))

    def _ended(self, on: Array, ended: Array, wave: Array) -> Array:
        if ended.any():
            self._end_voices(on[ended])
        return wave

    def _slices(self, on: Array, frames: int) -> tuple[Array, Array]:
        """Return the next frames of voices that play whole notes, and which have ended."""
        waves, ended = np.zeros((len(on), frames), np.float32), np.zeros(len(on), bool)
        for number, place in enumerate(on.tolist()):
            note, at = self._whole[place], int(self._position[place])
            assert note
            filled, self._delay[place] = int(self._delay[place]), 0.0
            while filled < frames and not ended[number]:
                piece = note.take(at, frames - filled)
                waves[number, filled : filled + len(piece)] = piece
                filled, at = filled + len(piece), at + len(piece)
                if at >= note.frames:
                    at, ended[number] = at - note.loop, not note.loop
            self._position[place] = at
        return waves, ended

    def _positions(self, state: Array) -> tuple[Array, Array, Array]:
        """Return where each frame of the next block of voices lies in the samples.

        Args:
            state: of the voices; their positions are moved on behind the block.

        Returns:
            Two arrays `(voices, BLOCK)`, the share of the way to the next frame and the index of
            the frame before, and which voices have come to their end.
        """
        position, step, delay, end, loop = state[:5]
        steps = self._steps
        if delayed := bool(delay.any()):
            steps = np.maximum(steps - delay[:, None], -1.0)
        share = step[:, None] * steps
        share += (position - 1.0)[:, None]
        whole = np.floor(share)
        share -= whole
        index = whole.astype(np.intp)
        position += step * (BLOCK - delay)
        if delayed:
            delay[:] = 0.0
        behind = position >= end
        if not behind.any():
            return share.astype(np.float32), index, behind
        position -= np.maximum(0.0, np.floor((position - end) / np.maximum(loop, 1.0)) + 1) * loop
        last = (end - 1).astype(np.intp)[:, None]
        index -= (index >= last) * loop.astype(np.intp)[:, None]
        # What has no loop stays in the silence behind its end.
        np.minimum(index, last + 2, out=index)
        return share.astype(np.float32), index, behind & (loop == 0)

    def _end_voices(self, places: Array) -> None:
        self._active[places] = False
        for place in places.tolist():
            self._release(place, 0.0)
            if place < VOICES:
                self._free.append(place)

    def _offset_of(self, name: str) -> int:
        if name not in self._offsets:
            self._offsets[name] = len(self._sound)
            self._sound = np.concatenate([self._sound, samples_of(name).sound])
        return self._offsets[name]
