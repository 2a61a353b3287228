"""Settings of the library: where maps come from, which are wanted, what is a bad pair."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from napari_cryonet.settings import Settings, setting
from napari_cryonet.signal.resolution_settings import Masking

API = "https://www.ebi.ac.uk/emdb/api"
FILES = "https://ftp.ebi.ac.uk/pub/databases/emdb/structures"
THRESHOLDS = {"detail": 0.65, "whole-box": 0.73}


class SourceSettings(Settings):
    """Where entries are searched and files fetched."""

    api: str = setting(API, "Address of the EMDB's search", advanced=True)
    files: str = setting(
        FILES,
        "Address (https, ftp or ftps), or a folder, under which the files are",
        advanced=True,
    )
    index: Path | None = setting(
        None, "A table of half maps (.csv) to search in, instead of asking the EMDB"
    )
    timeout: float = setting(
        20.0, "Silence after which a connection is given up", unit="s", gt=0, advanced=True
    )
    tries: int = setting(
        6, "Tries without a single new byte before a file is given up", ge=1, advanced=True
    )
    wait: float = setting(
        1.0, "Pause after the first failed try; it doubles with each", unit="s", ge=0, advanced=True
    )
    longest_wait: float = setting(
        120.0, "Longest pause, also where the server asks for more", unit="s", ge=0, advanced=True
    )


class SearchSettings(Settings):
    """Which entries are wanted. Only those with two half maps are ever found."""

    text: str = setting("", "Words that the entry has to contain, as the EMDB's search takes them")
    min_resolution: float = setting(3.0, "Finest resolution", unit="Å", ge=0)
    max_resolution: float = setting(4.0, "Coarsest resolution", unit="Å", gt=0)
    min_side: int = setting(0, "Smallest box", unit="voxels", ge=0)
    max_side: int = setting(128, "Largest box; 0: any", unit="voxels", ge=0)
    cubic: bool = setting(True, "Only boxes with three equal sides", advanced=True)
    method: Literal[
        "any", "singleParticle", "subtomogramAveraging", "helical", "electronCrystallography"
    ] = setting("any", "How the structure was determined, as the EMDB calls it")
    limit: int = setting(500, "Most entries to return", ge=1, advanced=True)

    @property
    def asks_for_box(self) -> bool:
        """Whether the dimensions of a map have to be known."""
        return self.min_side > 0 or self.max_side > 0 or self.cubic


class DownloadSettings(Settings):
    """How maps arrive."""

    state: Literal["train", "validation"] = setting("train", "What the pairs are for")
    unzip: bool = setting(True, "Keep maps uncompressed: larger, and opened at once")
    check_size: bool = setting(
        True, "Refuse a file whose size is not the one that the search told", advanced=True
    )
    max_gigabytes: float = setting(
        16.0, "Largest map after decompression", unit="GB", gt=0, advanced=True
    )


class SortSettings(Masking):
    """What is a bad pair: one whose halves correlate by the threshold or less."""

    by: Literal["detail", "whole-box"] = setting(
        "detail",
        "detail: inside a mask, as a share of what the noise around it allows; whole-box: all "
        "voxels as they are, as CCC in TEMPy and in Protein-Denoiser",
    )
    threshold: float | None = setting(
        None, "A pair at or below it is bad; none: 0.65, for whole-box 0.73", ge=-1, le=1
    )

    @property
    def limit(self) -> float:
        """The threshold, or the default one."""
        return THRESHOLDS[self.by] if self.threshold is None else self.threshold
