"""Sticks and buttons of a gamepad turn parameters: the input `gamepad`."""

from contextlib import suppress

from capriccio import Input, hookimpl

CONTRACT = 1

AXES = ("left_x", "left_y", "right_x", "right_y")
REST = 0.08  # how far from the middle a stick may be that nobody touches


class Gamepad(Input):
    """Turn parameters by a gamepad: `--from gamepad:left_x=/coral/feed,0=/coral/light`."""

    @classmethod
    def missing(cls):
        return "" if cls.connected() else "no gamepad is connected"

    @staticmethod
    def connected():
        """Return the first gamepad, None where there is none."""
        import pygame

        pygame.joystick.init()
        return pygame.joystick.Joystick(0) if pygame.joystick.get_count() else None

    def __init__(self, target: str = ""):
        super().__init__(target)
        self._bound = dict(pair.split("=", 1) for pair in target.split(",") if "=" in pair)
        for name in self._bound:
            if name not in AXES and not name.isdigit():
                raise ValueError(f"expected {', '.join(AXES)} or a button's number, got {name!r}")
        self._pad, self._last = None, {}

    def start(self, performance):
        self._pad = self.connected()

        def turn(seconds):
            now = self.read() if self._pad else {}
            for name, address in self._bound.items():
                if name in now and now[name] != self._last.get(name):
                    performance.parameters.set(address, now[name])
            self._last = now

        performance.parameters.add_automation(turn)

    def read(self):
        """Return where every stick and button is, 0..1."""
        import pygame

        with suppress(pygame.error):  # without a window nobody else asks the system for events
            pygame.display.init()
            pygame.event.pump()
        found = {}
        for number, name in enumerate(AXES[: self._pad.get_numaxes()]):
            at = self._pad.get_axis(number)
            found[name] = 0.5 if abs(at) < REST else 0.5 + at / 2
        for number in range(self._pad.get_numbuttons()):
            found[str(number)] = float(self._pad.get_button(number))
        return found

    def close(self):
        self._pad = None


@hookimpl
def inputs():
    return [Gamepad]
