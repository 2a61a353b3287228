"""The contrast transfer function of an electron microscope, and the Wiener filter against it.

Both are curves over the spatial frequency. The settings of the filter are here too, because
they need neither scipy nor a volume.

References
----------
The filter is that of ``tom_deconv`` (D. Tegunov), as in Warp: Tegunov and Cramer, Nat.
Methods 16 (2019), doi:10.1038/s41592-019-0580-y, and in IsoNet: Liu et al., Nat. Commun. 13
(2022), doi:10.1038/s41467-022-33957-8.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_cryonet.settings import Settings, setting

Floats = NDArray[np.floating[Any]]

SAMPLES = 2048
"""How many values from 0 to Nyquist a filter is given by."""

_ANGSTROM_PER_MM, _ANGSTROM_PER_UM, _VOLT_PER_KV = 1e7, 1e4, 1e3
_FALLOFF_ANGSTROM = 100.0
_LEAST_SNR = 1e-6


class Deconvolution(Settings):
    """The microscope, and how much signal is taken to be in the data."""

    defocus: float = setting(
        4.0,
        "Mean defocus as the estimation of the CTF gave it; positive is underfocus",
        unit="µm",
        ge=-20,
        le=20,
    )
    voltage: float = setting(300.0, "Acceleration voltage", unit="kV", ge=10, le=3000)
    snr_falloff: float = setting(
        1.0,
        "How fast the signal is taken to fall with the frequency; more gives a smoother result",
        ge=0,
        le=100,
    )
    strength: float = setting(
        1.0,
        "Power of ten of the signal-to-noise ratio at low frequencies; more restores more, and "
        "more noise with it",
        ge=-5,
        le=10,
    )
    highpass: float = setting(
        0.02,
        "Frequencies below this are damped: shades that go through the whole volume",
        unit="of Nyquist",
        ge=0,
        le=1,
    )
    phase_flipped: bool = setting(
        False, "The phases were flipped already, as CTF-corrected tomograms have them"
    )
    spherical_aberration: float = setting(
        2.7, "Spherical aberration Cs", unit="mm", ge=0, le=20, advanced=True
    )
    amplitude_contrast: float = setting(
        0.07, "Share of amplitude contrast", ge=0, le=1, advanced=True
    )
    phase_shift: float = setting(
        0.0, "Phase shift by a phase plate", unit="°", ge=-180, le=180, advanced=True
    )

    def __str__(self) -> str:
        """Return the parameters in a few words; rare ones only where they are not default."""
        rare = {
            "spherical_aberration": f"Cs {self.spherical_aberration:g} mm",
            "amplitude_contrast": f"A {self.amplitude_contrast:g}",
            "phase_shift": f"phase shift {self.phase_shift:g} deg",
            "phase_flipped": "phases flipped",
        }
        fields = type(self).model_fields
        parts = (
            f"{self.defocus:g} um",  # file headers know no µ
            f"{self.voltage:g} kV",
            *(text for name, text in rare.items() if getattr(self, name) != fields[name].default),
            f"falloff {self.snr_falloff:g}",
            f"strength {self.strength:g}",
            f"highpass {self.highpass:g}",
        )
        return ", ".join(parts)


def wavelength(voltage: float) -> float:
    """Return the wavelength of electrons in Å.

    Parameters
    ----------
    voltage
        Acceleration voltage in kV.

    References
    ----------
    Williams and Carter, *Transmission Electron Microscopy* (2009), section 1.4.
    """
    volts = voltage * _VOLT_PER_KV
    return float(12.2643247 / np.sqrt(volts * (1 + 0.978466e-6 * volts)))


def ctf(frequency: Floats, settings: Deconvolution) -> Floats:
    """Return the contrast transfer function, positive where matter keeps its sign.

    Parameters
    ----------
    frequency
        Spatial frequencies in 1/Å, of any shape.
    settings
        The microscope.

    Returns
    -------
    ndarray
        From -1 to 1, of the shape of `frequency`.
    """
    length = wavelength(settings.voltage)
    squares = np.square(frequency)
    aberration = settings.spherical_aberration * _ANGSTROM_PER_MM * length**3
    blur = 2 * length * settings.defocus * _ANGSTROM_PER_UM
    phase = np.pi / 2 * (aberration * squares**2 - blur * squares)
    phase -= np.deg2rad(settings.phase_shift)
    amplitude = settings.amplitude_contrast
    transfer: Floats = amplitude * np.cos(phase) - np.sqrt(1 - amplitude**2) * np.sin(phase)
    return transfer


def wiener(fraction: Floats, voxel_size: float, settings: Deconvolution) -> Floats:
    """Return the factors of the Wiener filter against the CTF.

    ``ctf / (ctf**2 + 1 / snr)``, where the signal-to-noise ratio falls exponentially with the
    frequency and vanishes at 0.

    Parameters
    ----------
    fraction
        Frequencies as fractions of Nyquist, of any shape.
    voxel_size
        Å per voxel.
    settings
        The microscope, and the signal-to-noise ratio.

    Returns
    -------
    ndarray
        Of the shape of `fraction`.
    """
    transfer = ctf(fraction / (2 * voxel_size), settings)
    if settings.phase_flipped:
        transfer = np.abs(transfer)
    rise = np.minimum(1, fraction / settings.highpass) if settings.highpass else 1.0
    falloff = settings.snr_falloff * _FALLOFF_ANGSTROM / voxel_size
    snr = np.exp(-fraction * falloff) * 10**settings.strength * (1 - np.cos(np.pi * rise))
    factors: Floats = transfer / (transfer**2 + 1 / (snr + _LEAST_SNR))
    return factors


def fractions() -> Floats:
    """Return the fractions of Nyquist at which a filter is given, ``(SAMPLES,)``."""
    return np.linspace(0, 1, SAMPLES)


def first_zero(voxel_size: float, settings: Deconvolution) -> float | None:
    """Return where the CTF first changes its sign.

    Parameters
    ----------
    voxel_size
        Å per voxel.
    settings
        The microscope.

    Returns
    -------
    float or None
        The resolution in Å; None if there is no zero up to Nyquist.
    """
    frequency = fractions() / (2 * voxel_size)
    values = ctf(frequency, settings)
    after = np.flatnonzero(values[:-1] * values[1:] < 0)
    if not after.size:
        return None
    left = after[0]
    share = values[left] / (values[left] - values[left + 1])
    return float(1 / (frequency[left] + share * (frequency[left + 1] - frequency[left])))


def cut_off(voxel_size: float, settings: Deconvolution) -> float:
    """Return the finest detail that the filter passes with at least half its largest factor.

    Parameters
    ----------
    voxel_size
        Å per voxel.
    settings
        The microscope, and the signal-to-noise ratio.

    Returns
    -------
    float
        The resolution in Å.
    """
    factors = np.abs(wiener(fractions()[1:], voxel_size, settings))
    passed = np.flatnonzero(factors >= factors.max() / 2)[-1]
    return float(2 * voxel_size / fractions()[1:][passed])
