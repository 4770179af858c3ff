"""Capriccio: neural networks as instruments, for pictures and music on one clock.

Everything a sketch or a plugin needs is a name of this package; each is imported from its module
when it is first used, so that `import capriccio` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.2.0"

_HOMES = {
    "LiveClock": "clock",
    "Moment": "clock",
    "OfflineClock": "clock",
    "ModelError": "errors",
    "PartError": "errors",
    "ProviderError": "errors",
    "ShowError": "errors",
    "Note": "media",
    "Stroke": "media",
    "as_image": "media",
    "as_mixture": "media",
    "center_crop": "media",
    "fit": "media",
    "rasterise": "canvas.strokes",
    "Canvas": "canvas.canvas",
    "layers": "canvas.layers",
    "skia_image": "canvas.pixels",
    "as_svg": "svg",
    "svg_path": "canvas.geometry",
    "image_files": "image_io",
    "load_image": "image_io",
    "open_image": "image_io",
    "read_image": "image_io",
    "write_image": "devices.video.frames",
    "Model": "models.model",
    "midi_library": "midi_ports",
    "CONTRACT": "hookspecs",
    "hookimpl": "hookspecs",
    "stderr_silenced": "log",
    "BeatFollower": "devices.midi.clock_in",
    "Analyzer": "parts",
    "Generator": "parts",
    "Input": "parts",
    "Instrument": "parts",
    "Knob": "parts",
    "Output": "parts",
    "Gauge": "parameters",
    "Parameter": "parameters",
    "ParameterSet": "events",
    "Performance": "performance",
    "current_performance": "performance",
    "install_command": "extras",
    "pitch_classes": "scales",
    "program_of": "general_midi",
    "analyzer": "registry",
    "analyzer_class": "registry",
    "generator": "registry",
    "generator_class": "registry",
    "input_device": "registry",
    "isolated_folder": "registry",
    "instrument": "registry",
    "microphone": "registry",
    "output": "registry",
    "controls": "devices.midi.controls",
    "camera": "devices.video.camera",
    "movie": "devices.video.movie",
    "picture": "devices.video.picture",
    "keys": "devices.video.keys",
    "mouse": "devices.video.mouse",
    "Sketch": "sketch",
    "load_sketch": "loader",
    "use_seed": "registry",
    "cluster_workers": "registry",
    "SupervisedProcess": "supervision",
    "show": "notebook",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'capriccio' has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
