"""The performance of a show as an output or an input in another process sees it.

News go with every call: to the worker what has changed in the show, and back what the device has
set. `ShowSide` lies in the process of the show, `DeviceSide` in that of the device.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from capriccio import Gauge, LiveClock, OfflineClock, Parameter, Performance

News = dict[str, Any]


def facts_of(performance: Performance) -> News:
    """Return what a device is told of a performance when it is started."""
    clock = performance.clock
    return {
        "live": clock.live,
        "bpm": clock.bpm,
        "meter": clock.meter,
        "size": performance.size,
        "fps": performance.fps,
        "title": performance.title,
        "instruments": dict(performance.instruments),
        "soundfont": performance.soundfont,
        "follows_window": performance.follows_window,
        "provenance": _plain(dict(performance.provenance())),
    }


class ShowSide:
    """The side of the show: what its device has not been told yet, and what the device has set.

    Args:
        performance: of the show.
        device: the stand-in of the device, by which takes name what it reads.
    """

    def __init__(self, performance: Performance, device: object):
        self.performance, self._device = performance, device
        self.moves = False  # the device asks to be called at every frame
        self._gauges: dict[str, list[Any]] = {}
        self._own: dict[str, Any] = {}  # parameters that the device has added, with their values
        self._applied: list[tuple[str, Any]] = []  # to these, since the device was called last
        self._kept: dict[str, Any] = {}  # what was applied, for a new process
        self._tempo: list[Any] = []
        performance.clock.listeners.append(lambda change: self._tempo.append(tuple(change)))
        self._last_tempo: Any = None
        self._told: dict[str, Any] = {}
        self._values: dict[str, Any] = {}

    def first_news(self) -> News:
        """Return all that a new process has to know."""
        self._told, self._values = {}, {}
        self._applied = list(self._kept.items())
        if self._last_tempo:
            self._tempo.insert(0, self._last_tempo)
        return self.news()

    def news(self) -> News:
        """Return what has changed since the last time."""
        clock, parameters = self.performance.clock, self.performance.parameters
        origin = clock.monotonic(0.0) if isinstance(clock, LiveClock) and clock.started else None
        tempo, self._tempo = self._tempo, []
        self._last_tempo = tempo[-1] if tempo else self._last_tempo
        applied, self._applied = self._applied, []
        seconds = None if clock.live else clock.seconds()
        found = {"origin": origin, "seconds": seconds, "size": self.performance.size}
        news = {name: it for name, it in found.items() if self._told.get(name) != it}
        self._told |= found
        others = {at: one for at, one in list(parameters.by_address.items()) if at not in self._own}
        added = [_parameter_facts(one) for at, one in others.items() if at not in self._values]
        values = {at: _plain(_value_of(one)) for at, one in others.items()}
        values = {at: it for at, it in values.items() if self._values.get(at, ...) != it}
        self._values |= values
        lists = {"tempo": tempo, "applied": applied, "added": added, "values": values}
        return {**news, **{name: it for name, it in lists.items() if it}}

    def take(self, news: News) -> None:
        """Do in the show what the device has done: parameters set and added, readings, gauges.

        Raises:
            LookupError, ValueError, TypeError: a parameter cannot be set so; all others are.
        """
        parameters = self.performance.parameters
        self.moves = bool(news.get("moves")) or self.moves
        for facts in news.get("added", ()):
            parameters.add(self._own_parameter(facts))
        for name, gauge in news.get("gauges", {}).items():
            if name not in self._gauges:
                parameters.add_gauge(self._own_gauge(name, str(gauge[0])))
            self._gauges[name] = gauge
        for kind, values in news.get("readings", ()):
            parameters.publish_readings(self._device, str(kind), tuple(values))
        trouble = None
        for address, value in news.get("set", ()):
            try:
                parameters.set(address, value)
            except (LookupError, ValueError, TypeError) as error:
                trouble = error
        if trouble is not None:
            raise trouble

    def _own_parameter(self, facts: News) -> Parameter:
        address = str(facts["address"])
        self._own[address] = facts["value"]

        def apply(value: Any) -> None:
            self._applied.append((address, value))
            if facts["kind"] != "press":
                self._own[address] = self._kept[address] = value

        kinds: dict[str, Callable[[Any], Any]] = {"number": float, "words": str, "choice": str}
        return Parameter(
            address, str(facts["kind"]), str(facts["description"]), apply,
            convert=kinds.get(facts["kind"], lambda value: value),
            value=lambda: self._own[address],
            choices=tuple(facts["choices"]), span=tuple(facts["span"]), key=str(facts["key"]),
        )  # fmt: skip

    def _own_gauge(self, name: str, description: str) -> Gauge:
        return Gauge(
            name,
            description,
            lambda: str(self._gauges[name][1]),
            lambda: bool(self._gauges[name][2]),
        )


class DeviceSide:
    """The side of the worker: a performance that is as that of the show."""

    def __init__(self, facts: News):
        kind = LiveClock if facts["live"] else OfflineClock
        provenance = facts["provenance"]
        self.performance = Performance(
            kind(facts["bpm"], facts["meter"]),
            size=tuple(facts["size"]),
            fps=facts["fps"],
            title=facts["title"],
            instruments={int(channel): it for channel, it in facts["instruments"].items()},
            soundfont=facts["soundfont"],
            follows_window=facts["follows_window"],
            provenance=lambda: provenance,
        )
        self._values: dict[str, Any] = {}
        self._known: set[str] = set()  # addresses of the show's parameters, and own ones
        self._set: list[tuple[str, Any]] = []
        self._readings: list[Any] = []
        self.performance.parameters.publish_readings = (  # type: ignore[method-assign]
            lambda thing, kind, values: self._readings.append((kind, values))
        )

    def take(self, news: News) -> None:
        """Learn what has changed in the show."""
        clock, parameters = self.performance.clock, self.performance.parameters
        if (origin := news.get("origin")) is not None:
            clock.start(lead=origin - time.monotonic())
        for seconds, _, beats, bpm, over, standing in news.get("tempo", ()):
            change = clock.tempo.change(seconds, bpm, beats=beats, over=over, standing=standing)
            for listener in clock.listeners:
                listener(change)
        if (now := news.get("seconds")) is not None:
            clock.wait(now)
        self.performance.size = tuple(news.get("size", self.performance.size))
        for facts in news.get("added", ()):
            parameters.add(self._show_parameter(facts))
            self._known.add(facts["address"])
        self._values |= news.get("values", {})

    def apply(self, news: News) -> None:
        """Apply what was set of the device's own parameters."""
        for address, value in news.get("applied", ()):
            parameter = self.performance.parameters.by_address[address]
            parameter.apply(value if value is None else parameter.convert(value))

    def frame(self, seconds: float) -> None:
        """Run the automation of the device for one frame."""
        self.performance.parameters.apply_pending(seconds)

    def news(self, device: Any) -> News:
        """Return what the device has done since the last time."""
        parameters = self.performance.parameters
        changes, self._set = self._set, []
        readings, self._readings = self._readings, []
        added = [it for at, it in list(parameters.by_address.items()) if at not in self._known]
        self._known |= {one.address for one in added}
        gauges = {
            name: [one.description, one.read(), one.good()]
            for name, one in list(parameters.gauges.items())
        }
        found = {
            "set": changes,
            "readings": readings,
            "added": [_parameter_facts(one) for one in added],
            "gauges": gauges,
            "closed": bool(getattr(device, "closed", False)),
            "moves": not parameters.idle or bool(added),
        }
        return {name: it for name, it in found.items() if it}

    def _show_parameter(self, facts: News) -> Parameter:
        address = facts["address"]
        return Parameter(
            address, facts["kind"], facts["description"],
            apply=lambda value: self._set.append((address, value)),
            value=lambda: self._values.get(address),
            choices=tuple(facts["choices"]), span=tuple(facts["span"]), key=facts["key"],
        )  # fmt: skip


def _parameter_facts(one: Parameter) -> News:
    facts = {name: getattr(one, name) for name in ("address", "kind", "description", "key")}
    return {**facts, "choices": list(map(str, one.choices)), "span": list(one.span),
            "value": _plain(_value_of(one))}  # fmt: skip


def _value_of(one: Parameter) -> Any:
    with suppress(Exception):  # the part that it belongs to may be gone
        return one.value()
    return None


def _plain(value: Any) -> Any:
    """Return a value as the wire takes it; what it does not take becomes text."""
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
