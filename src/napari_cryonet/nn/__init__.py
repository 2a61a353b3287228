"""What every method's network shares: device, architectures, patches, tiles, training loop.

Importing this package loads no torch; its modules do, all but `napari_cryonet.nn.settings`.
"""
