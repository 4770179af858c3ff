"""Whose pictures a model learned from."""

from pathlib import Path


def licence_of(data: Path) -> dict[str, str]:
    """Give licence and credit of a folder of pictures, for the card of a model trained on it.

    Those of the watercolours are known; of another folder it is what its LICENSE and CREDIT say.
    """
    if data.name == "watercolors-usda-pomological":
        return {
            "licence": "public domain (US government work)",
            "credit": "U.S. Department of Agriculture Pomological Watercolor Collection. Rare and "
            "Special Collections, National Agricultural Library, Beltsville, MD 20705",
            "source": "github.com/jwilber/USDA_Pomological_Watercolors, commit "
            "22f8f0b1f2354a9379afe72c9405b090b8b344fe",
        }
    return {"licence": _said(data, "LICENSE"), "credit": _said(data, "CREDIT")}


def _said(data: Path, name: str) -> str:
    files = (data / name, data / f"{name}.txt")
    said = next((file for file in files if file.is_file()), None)
    return said.read_text(errors="replace").strip()[:2000] if said else "not stated"
