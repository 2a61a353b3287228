"""How settings become options: each field of a settings class is one."""

# Annotations are not postponed here: cyclopts looks names of types up in the modules of subclasses.

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Group, Parameter
from pydantic import create_model
from pydantic.fields import FieldInfo

from napari_cryonet.errors import SettingsError
from napari_cryonet.io.image_set import RowOrder
from napari_cryonet.settings import Settings, read_toml

FILES = Group("Files and output", sort_key=1)
SETTINGS = Group("Settings", sort_key=2)
ADVANCED = Group("Advanced settings", sort_key=3)

Flag = Annotated[bool, Parameter(negative="")]
"""An option without a value and without a negative form."""


@dataclass(frozen=True, kw_only=True)
class CommonFiles:
    """Options of every command that makes a file from data and settings.

    Commands list it behind their own files, so it is the first of their bases: the fields of a
    dataclass begin with those of its last base.

    Parameters
    ----------
    settings
        A TOML file of settings; options win over it.
    overwrite
        Replace the output if it is there.
    quiet
        Show no progress.
    json
        Print the measures as JSON.
    """

    settings: Path | None = None
    overwrite: Flag = False
    quiet: Flag = False
    json: Flag = False

    def for_job(self) -> dict[str, Any]:
        """Return what was set here of a job, by the names of its fields."""
        return {}


@dataclass(frozen=True, kw_only=True)
class ImageFiles(CommonFiles):
    """How files of images are read.

    Parameters
    ----------
    fits_rows
        Rows of FITS images as they are stored, or flipped, since the first row of such a file is
        the bottom; a flip changes the hand.
    """

    fits_rows: RowOrder | None = None

    def for_job(self) -> dict[str, Any]:
        """Return what was set here of a job, by the names of its fields."""
        return super().for_job() | ({"fits_rows": self.fits_rows} if self.fits_rows else {})


def options_of(settings: type[Settings], name: str = "*") -> Any:
    """Return the annotation that makes every field of a settings class an option.

    Parameters
    ----------
    settings
        The class; the options give an instance of a subclass of it, or None without any.
    name
        What stands before the name of each option, with a dot; nothing for ``*``.
    """
    fields: dict[str, Any] = {
        each: (Annotated[field.annotation, Parameter(group=_group(field))], field)
        for each, field in settings.model_fields.items()
    }
    grouped = create_model(settings.__name__, __base__=settings, **fields)
    return Annotated[grouped | None, Parameter(name=name)]


def chosen(kind: type[Settings], file: Path | None, options: Settings | None) -> dict[str, Any]:
    """Return what was set on purpose: the settings of a file, and over them the options.

    Parameters
    ----------
    kind
        The settings class.
    file
        A TOML file of settings, or None.
    options
        What the options gave, or None.

    Raises
    ------
    SettingsError
        If the file cannot be read or a setting in it is unknown or wrong.
    """
    settings = kind()
    if file is not None:
        values = read_toml(file)
        try:
            settings = kind.load(values)
        except SettingsError as error:
            raise SettingsError(f"{file}: {error}") from None
    return settings.updated(options.explicit() if options else {}).explicit()


def _group(field: FieldInfo) -> Group:
    """Return under which heading the help lists a field."""
    extra = field.json_schema_extra
    return ADVANCED if isinstance(extra, dict) and extra.get("advanced") else SETTINGS
