"""The window: the only place that knows napari and Qt.

`layers` turns things into napari layers and back, `readers` and `writers` join them to
files, `samples` are the built-in simulated data. Nothing here imports torch.
"""
