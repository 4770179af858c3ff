"""The licence and credit of a data set of images, and whether there are enough."""

from pathlib import Path

from .data_sets import ARCHIVES, PictureFile, archive_files


def licence_of(data: Path) -> dict[str, str]:
    """Return the licence and credit of a folder or archive `data` of images, for a model's card.

    They are read from its files LICENSE and CREDIT; those of the watercolors are known.
    """
    if data.name == "watercolors-usda-pomological":
        return {
            "licence": "public domain (US government work)",
            "credit": "U.S. Department of Agriculture Pomological Watercolor Collection. Rare and "
            "Special Collections, National Agricultural Library, Beltsville, MD 20705",
            "source": "github.com/jwilber/USDA_Pomological_Watercolors, commit "
            "22f8f0b1f2354a9379afe72c9405b090b8b344fe",
        }
    return {"licence": _text_of(data, "LICENSE"), "credit": _text_of(data, "CREDIT")}


def _text_of(data: Path, name: str) -> str:
    names = name, f"{name}.txt"
    files = [PictureFile(one, data / one) for one in names if (data / one).is_file()]
    if data.is_file() and data.suffix.lower() in ARCHIVES:
        files = [one for one in archive_files(data) if one.name in names]
    return files[0].read().decode(errors="replace").strip()[:2000] if files else "not stated"


def check_picture_count(data: Path, count: int) -> None:
    """Raise a ValueError for a `count` of pictures in `data` below 10, and warn below 200."""
    if count < 10:
        raise ValueError(f"expected at least 10 readable pictures in {str(data)!r}, got {count}")
    if count < 200:
        print(f"{count} pictures are few: expect close copies and mixtures of them", flush=True)
