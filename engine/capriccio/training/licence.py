"""The licence and credit of a folder of images."""

from pathlib import Path

# Known by the name of the folder.
WATERCOLORS = "watercolors-usda-pomological"


def licence_of(data: Path) -> dict[str, str]:
    """Return the licence and credit of a folder `data` of images, for the card of a model.

    They are read from its files LICENSE and CREDIT; those of the watercolors are known.
    """
    if data.name == WATERCOLORS:
        return {
            "licence": "public domain (US government work)",
            "credit": "U.S. Department of Agriculture Pomological Watercolor Collection. Rare and "
            "Special Collections, National Agricultural Library, Beltsville, MD 20705",
            "source": "github.com/jwilber/USDA_Pomological_Watercolors, commit "
            "22f8f0b1f2354a9379afe72c9405b090b8b344fe",
        }
    return {"licence": _text_of(data, "LICENSE"), "credit": _text_of(data, "CREDIT")}


def _text_of(data: Path, name: str) -> str:
    for file in (data / name, data / f"{name}.txt"):
        if file.is_file():
            return file.read_text(errors="replace").strip()[:2000]
    return "not stated"
