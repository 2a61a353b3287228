"""Every error that CryoNet raises on purpose.

::

    CryonetError
    ├── FileProblem (OSError)          a file or folder cannot be read or written
    │   ├── FormatError (ValueError)   the file is not what its name or header says
    │   └── OutputExists               the output is already there
    ├── SettingsError (ValueError)     a setting is unknown or out of its limits
    ├── DataError (ValueError)         the inputs do not fit together or not the method
    ├── ModelError (ValueError)        not a model, or a model of another method
    ├── DeviceError (RuntimeError)     the asked-for device is not there
    │   └── OutOfMemory                it is there, but too small
    └── TrainingError (RuntimeError)   training went wrong, e.g. the loss is not finite

A message says what was found, what is allowed and what to do. ``exit_code`` is what the
command line returns: 2 for what the user gave, 1 for work that failed.
"""

from __future__ import annotations


class CryonetError(Exception):
    """The root of all errors of this package."""

    exit_code = 1


class FileProblem(CryonetError, OSError):
    """A file or folder cannot be read or written."""

    exit_code = 2


class FormatError(FileProblem, ValueError):
    """A file is not what its name or its header says."""


class OutputExists(FileProblem):
    """The output file is already there and overwriting was not asked for."""


class SettingsError(CryonetError, ValueError):
    """A setting is unknown or outside its limits."""

    exit_code = 2


class DataError(CryonetError, ValueError):
    """The inputs do not fit together, or do not fit the method."""

    exit_code = 2


class ModelError(CryonetError, ValueError):
    """A file is not a model, or a model of another method."""

    exit_code = 2


class DeviceError(CryonetError, RuntimeError):
    """The asked-for device is not available."""

    exit_code = 2


class OutOfMemory(DeviceError):
    """The device has too little memory even for the smallest piece of work."""

    exit_code = 1


class TrainingError(CryonetError, RuntimeError):
    """Training cannot go on, for example because the loss is not finite."""
