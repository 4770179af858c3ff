"""Fuzz one parser with atheris, which follows the branches that the code takes.

pip install atheris
python tests/system/fuzz/run_atheris.py take -max_total_time=60

What it finds is written to `corpus/TARGET/`; further flags are those of libFuzzer.
"""

import sys
from pathlib import Path
from tempfile import mkdtemp

sys.path.insert(0, str(Path(__file__).parents[2]))

import atheris

with atheris.instrument_imports(include=["capriccio"]):
    import capriccio.devices.midi.parser
    import capriccio.image_io
    import capriccio.models.onnx_reader
    import capriccio.panel.panel
    import capriccio.recording.take
    import capriccio.remote.midi_map
    import capriccio.remote.osc
    import capriccio.remote.presets  # noqa: F401
    from helpers.fuzzing import CORPUS, TARGETS


def main() -> None:
    """Fuzz the target that the first argument names."""
    target = TARGETS[sys.argv[1]]
    found = CORPUS / target.name
    found.mkdir(parents=True, exist_ok=True)
    seeds = Path(mkdtemp(prefix="capriccio-seeds-"))  # libFuzzer adds what it finds of interest
    for number, data in enumerate(target.seeds()):
        (seeds / f"seed-{number}").write_bytes(data)

    def once(data: bytes) -> None:
        target.check(data)

    flags = [f"-artifact_prefix={found}/", "-timeout=10", "-rss_limit_mb=1024", *sys.argv[2:]]
    atheris.Setup([sys.argv[0], *flags, str(seeds), str(found)], once)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
