"""Mathematics without learning, on numpy arrays: normalise, resample, Fourier shells, correlate."""
